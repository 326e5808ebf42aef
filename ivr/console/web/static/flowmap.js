/* Draws the map of a conversation (`/calls/maps`, `ivr map --json`) as SVG, with the way that a call went, or with how
   many calls came to each step and were left there.

   drawFlowmap(element, chart, options)
     chart    one of /calls/maps: title, words, begins, nodes [{name, kind, title, outcomes}], ways [[from, to, [how]]]
     visits   [{spot, at}] of this chart, in order, at in seconds: lights the way up, numbered
     weights  {spot: {visits, left, share}}: how many calls came here, and the share that was left here (0 to 1)
     counts   [[from, to, n]]: how many calls went this way
     onpick   (at) => ...: somebody chose a step that was visited; again and again: its next visit
     onopen   (part) => ...: somebody chose a part; without it, select[data-map-part] of the page changes to it
   Returns the figure.  figure.now(spot): the call is there now; that node is marked and brought into sight; null: nowhere.
   With weights the ways bear no words: what is told is how many came and left; the words stand in titles and the list.
   Nothing is styled here but by classes (flowmap.css), since pages allow no style of their own.
   Keyboard: one stop; arrows go from step to step, Home and End to the first and the last, Enter chooses. */
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LETTER = 7.2, ROW = 17, WIDEST = 20, PAD = 14;
  let count = 0;

  const make = (name, attributes = {}, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const html = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const clock = (at) => `${Math.floor(at / 60)}:${String(Math.floor(at % 60)).padStart(2, "0")}`;
  const percent = (share) => `${Math.round(share * 100)} %`;

  const rows = (text) => {
    const found = [""];
    for (const word of text.split(" ")) {
      const last = found.length - 1;
      if (found[last] && found[last].length + word.length + 1 > WIDEST) found.push(word);
      else found[last] = found[last] ? `${found[last]} ${word}` : word;
    }
    return found;
  };

  /* The node that a visit is of: an ending is visited under its one outcome, and drawn under all that it may have. */
  const place = (chart, spot) => {
    if (chart.nodes.some((node) => node.name === spot)) return spot;
    if (!spot.startsWith("end: ")) return null;
    const outcome = spot.slice(5);
    const node = chart.nodes.find((each) => each.kind === "end" && (each.outcomes ?? []).includes(outcome));
    return node ? node.name : null;
  };

  const outline = (kind, width, height) => {
    const x = width / 2, y = height / 2;
    switch (kind) {
      case "question": {
        const tip = 12;
        return [make("polygon", { points: `${-x},0 ${-x + tip},${-y} ${x - tip},${-y} ${x},0 ${x - tip},${y} ${-x + tip},${y}` })];
      }
      case "deed": {
        const lid = 6;
        const d = `M${-x},${-y + lid} a${x},${lid} 0 0 1 ${width},0 v${height - 2 * lid} a${x},${lid} 0 0 1 ${-width},0 z`;
        return [make("path", { d }), make("path", { class: "flowmap-line", d: `M${-x},${-y + lid} a${x},${lid} 0 0 0 ${width},0` })];
      }
      case "part":
        return [
          make("rect", { x: -x, y: -y, width, height }),
          make("path", { class: "flowmap-line", d: `M${-x + 6},${-y} v${height} M${x - 6},${-y} v${height}` }),
        ];
      case "end":
        return [make("rect", { x: -x, y: -y, width, height, rx: y })];
      case "statement":
        return [make("rect", { x: -x, y: -y, width, height, rx: 9 })];
      default:
        return [make("rect", { x: -x, y: -y, width, height })];
    }
  };

  /* From where it begins on, step by step: dagre turns round those ways that lead back in this order. */
  const onwards = (chart) => {
    const all = chart.nodes.map((node) => node.name);
    const found = new Set();
    for (const start of [...(chart.begins ?? []), ...all]) {
      const wait = all.includes(start) ? [start] : [];
      while (wait.length) {
        const name = wait.shift();
        if (found.has(name)) continue;
        found.add(name);
        for (const [from, to] of chart.ways) if (from === name) wait.push(to);
      }
    }
    return [...found];
  };

  const lay = (chart, extra, worded) => {
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: "TB", nodesep: 26, ranksep: 34, edgesep: 14, marginx: 14, marginy: 18 });
    const order = onwards(chart);
    for (const node of order.map((name) => chart.nodes.find((each) => each.name === name))) {
      const lines = rows(node.title ?? node.name);
      const longest = Math.max(...lines.map((line) => line.length), extra(node.name).length);
      const tall = lines.length + (extra(node.name) ? 1 : 0);
      const width = Math.max(64, longest * LETTER + 2 * PAD + (node.kind === "question" || node.kind === "part" ? 12 : 0));
      graph.setNode(node.name, { width, height: tall * ROW + 16 + (node.kind === "deed" ? 10 : 0), lines });
    }
    const place = ([from]) => order.indexOf(from);
    for (const [from, to, hows] of [...chart.ways].sort((one, other) => place(one) - place(other))) {
      const told = hows.slice(0, 3).join(", ") + (hows.length > 3 ? " …" : "");
      const label = !worded ? "" : told.length > 26 ? `${told.slice(0, 25)}…` : told;
      graph.setEdge(from, to, { label, full: hows.join(", "), width: label.length * 6 + 4, height: label ? 14 : 0, labelpos: "c" });
    }
    dagre.layout(graph);
    return graph;
  };

  const curve = (points) => {
    const [first, ...others] = points;
    let d = `M${first.x.toFixed(1)},${first.y.toFixed(1)}`;
    for (let i = 0; i < others.length - 1; i += 1) {
      const here = others[i], next = others[i + 1];
      const x = i === others.length - 2 ? next.x : (here.x + next.x) / 2;
      const y = i === others.length - 2 ? next.y : (here.y + next.y) / 2;
      d += ` Q${here.x.toFixed(1)},${here.y.toFixed(1)} ${x.toFixed(1)},${y.toFixed(1)}`;
    }
    if (others.length === 1) d += ` L${others[0].x.toFixed(1)},${others[0].y.toFixed(1)}`;
    return d;
  };

  const heat = (share) => Math.min(4, Math.ceil(share * 10));

  window.drawFlowmap = (element, chart, options = {}) => {
    const words = chart.words ?? {};
    const weights = options.weights ?? null;
    const visits = (options.visits ?? []).map((visit) => ({ ...visit, node: place(chart, visit.spot) }));
    const seen = new Map(), went = new Map();
    let order = 0, before = null;
    for (const visit of visits) {
      if (visit.node) {
        order += 1;
        if (!seen.has(visit.node)) seen.set(visit.node, []);
        seen.get(visit.node).push({ order, at: visit.at });
        const way = `${before}\n${visit.node}`;
        if (before) went.set(way, (went.get(way) ?? 0) + 1);
      }
      before = visit.node;
    }
    const counts = new Map((options.counts ?? []).map(([from, to, n]) => [`${from}\n${to}`, n]));
    const weight = (name) => {
      if (!weights) return null;
      if (weights[name]) return weights[name];
      const node = chart.nodes.find((each) => each.name === name);
      const ends = (node?.outcomes ?? []).map((outcome) => weights[`end: ${outcome}`]).filter(Boolean);
      if (!ends.length) return null;
      return { visits: ends.reduce((sum, each) => sum + each.visits, 0), left: 0, share: 0 };
    };
    const extra = (name) => {
      const one = weight(name);
      return one ? `${one.visits}${one.left ? ` · −${one.left} (${percent(one.share)})` : ""}` : "";
    };

    const graph = lay(chart, extra, !weights);
    const { width, height } = graph.graph();
    const id = `flowmap-${(count += 1)}`;
    const figure = html("figure", undefined, "flowmap");
    const scroll = html("div", undefined, "flowmap-scroll");
    const svg = make("svg", {
      width: Math.ceil(width), height: Math.ceil(height), viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      class: `flowmap-svg${visits.length ? " flowmap-told" : ""}`, role: "group", "aria-label": chart.title ?? "",
    });
    const defs = make("defs");
    for (const kind of ["way", "went"]) {
      const marker = make("marker", {
        id: `${id}-${kind}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerUnits: "userSpaceOnUse",
        markerWidth: kind === "went" ? 11 : 8, markerHeight: kind === "went" ? 11 : 8, orient: "auto",
      });
      marker.append(make("path", { d: "M0,0 L8,4 L0,8 z", class: `flowmap-head flowmap-${kind}-head` }));
      defs.append(marker);
    }
    svg.append(defs);

    const ways = make("g", { "aria-hidden": "true" }), labels = make("g", { "aria-hidden": "true" });
    for (const { v, w } of graph.edges()) {
      const edge = graph.edge(v, w), way = `${v}\n${w}`, lit = went.has(way);
      const drawn = make("path", {
        d: curve(edge.points), class: `flowmap-way${lit ? " flowmap-went" : ""}`, "marker-end": `url(#${id}-${lit ? "went" : "way"})`,
      });
      if (edge.full) drawn.append(make("title", {}, edge.full));
      if (lit) ways.append(drawn);
      else ways.prepend(drawn);
      const told = [edge.label, counts.has(way) ? String(counts.get(way)) : ""].filter(Boolean).join(" · ");
      if (!told) continue;
      const label = make("text", { x: edge.x, y: edge.y + 4, class: `flowmap-how${lit ? " flowmap-how-went" : ""}` }, told);
      label.append(make("title", {}, edge.full));
      labels.append(label);
    }
    svg.append(ways, labels);

    const following = (name) => chart.ways.filter(([from]) => from === name).map(([, to, hows]) => {
      const node = chart.nodes.find((each) => each.name === to);
      return `${node?.title ?? to}${hows.length ? ` (${hows.join(", ")})` : ""}`;
    });
    const described = (node) => {
      const times = (seen.get(node.name) ?? []).map(({ at }) => clock(at)).join(", ");
      const one = weight(node.name);
      return [
        node.title ?? node.name, words[node.kind], chart.begins?.includes(node.name) ? words.begins : "",
        times ? `${words.visited ?? ""} ${times}` : "",
        one ? `${words.calls ?? ""}: ${one.visits}` : "", one?.left ? `${words.left ?? ""}: ${one.left} (${percent(one.share)})` : "",
      ].filter(Boolean).join(", ");
    };
    const turns = new Map();
    const open = (part) => {
      if (options.onopen) return options.onopen(part);
      const choice = document.querySelector("select[data-map-part]");
      if (!choice || ![...choice.options].some((option) => option.value === part)) return undefined;
      choice.value = part;
      choice.dispatchEvent(new Event("change", { bubbles: true }));
      return choice.focus();
    };
    const choose = (node) => {
      const times = seen.get(node.name);
      if (times && options.onpick) {
        const turn = (turns.get(node.name) ?? -1) + 1;
        turns.set(node.name, turn);
        options.onpick(times[turn % times.length].at);
      }
      if (node.kind === "part") open(node.name);
    };
    const chosen = (node) => node.kind === "part" || (seen.has(node.name) && options.onpick);

    const inOrder = [...chart.nodes].sort((one, other) => {
      const a = graph.node(one.name), b = graph.node(other.name);
      return a.y - b.y || a.x - b.x;
    });
    const groups = [];
    for (const node of inOrder) {
      const { x, y, width: w, height: h, lines } = graph.node(node.name);
      const share = weight(node.name)?.share ?? 0;
      const classes = ["flowmap-node", `flowmap-${node.kind}`];
      if (seen.has(node.name)) classes.push("flowmap-seen");
      if (weights && share > 0) classes.push(`flowmap-heat-${heat(share)}`);
      if (chart.begins?.includes(node.name)) classes.push("flowmap-begins");
      const group = make("g", {
        class: classes.join(" "), transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`, tabindex: -1,
        role: chosen(node) ? "button" : "img", "aria-label": described(node),
      });
      group.append(make("title", {}, described(node)));
      const shape = make("g", { class: "flowmap-shape" });
      shape.append(...outline(node.kind, w, h));
      group.append(shape);
      const told = [...lines, extra(node.name)].filter(Boolean);
      const top = -((told.length - 1) * ROW) / 2 + 4.5 + (node.kind === "deed" ? 4 : 0);
      told.forEach((line, n) => {
        group.append(make("text", { x: 0, y: top + n * ROW, class: n >= lines.length ? "flowmap-weight" : "flowmap-name" }, line));
      });
      if (seen.has(node.name)) {
        const numbers = seen.get(node.name).map((one) => one.order);
        const text = numbers.length > 3 ? `${numbers.slice(0, 3).join(" ")} …` : numbers.join(" ");
        const wide = Math.max(20, text.length * 7 + 10);
        const badge = make("g", { class: "flowmap-badge", transform: `translate(${-w / 2 + 2},${-h / 2})`, "aria-hidden": "true" });
        badge.append(make("rect", { x: -8, y: -10, width: wide, height: 19, rx: 9.5 }), make("text", { x: wide / 2 - 8, y: 4 }, text));
        group.append(badge);
      }
      if (chosen(node)) {
        group.classList.add("flowmap-chosen");
        group.addEventListener("click", () => choose(node));
      }
      group.addEventListener("keydown", (event) => {
        const here = groups.indexOf(group);
        const to = {
          ArrowDown: here + 1, ArrowRight: here + 1, ArrowUp: here - 1, ArrowLeft: here - 1, Home: 0, End: groups.length - 1,
        }[event.key];
        if (to !== undefined) move(Math.max(0, Math.min(groups.length - 1, to)));
        else if ((event.key === "Enter" || event.key === " ") && chosen(node)) choose(node);
        else return;
        event.preventDefault();
        event.stopPropagation();
      });
      group.addEventListener("focus", () => groups.forEach((one) => one.setAttribute("tabindex", one === group ? 0 : -1)));
      svg.append(group);
      groups.push(group);
    }
    const move = (to) => {
      groups[to].focus();
      groups[to].scrollIntoView({ block: "nearest", inline: "nearest" });
    };
    const firstSeen = inOrder.findIndex((node) => seen.get(node.name)?.some(({ order: n }) => n === 1));
    (groups[Math.max(0, firstSeen)] ?? svg).setAttribute("tabindex", 0);
    scroll.append(svg);

    const list = html("details", undefined, "flowmap-list");
    list.append(html("summary", words.list ?? ""));
    const items = html("ol");
    for (const node of inOrder) {
      const item = html("li");
      item.append(html("strong", node.title ?? node.name), ` — ${words[node.kind] ?? node.kind}`);
      const next = following(node.name);
      if (next.length) item.append(`; ${words.to ?? ""}: ${next.join("; ")}`);
      const one = weight(node.name);
      if (one) item.append(`. ${words.calls ?? ""}: ${one.visits}${one.left ? `, ${words.left ?? ""}: ${one.left} (${percent(one.share)})` : ""}`);
      for (const { at } of seen.get(node.name) ?? []) {
        const button = html("button", clock(at), "flowmap-at");
        button.type = "button";
        if (options.onpick) button.addEventListener("click", () => options.onpick(at));
        else button.disabled = true;
        item.append(" ", button);
      }
      items.append(item);
    }
    list.append(items);
    figure.append(scroll, list);
    element.append(figure);
    const first = inOrder[Math.max(0, firstSeen)] && graph.node(inOrder[Math.max(0, firstSeen)].name);
    const left = (node) => weight(node.name)?.left ?? 0;
    const worst = weights && inOrder.reduce((one, other) => (left(other) > left(one) ? other : one));
    const begins = worst && left(worst) ? graph.node(worst.name)
      : firstSeen < 0 && chart.begins?.[0] ? graph.node(chart.begins[0]) : first;
    if (begins) {
      scroll.scrollLeft = begins.x - scroll.clientWidth / 2;
      scroll.scrollTop = begins.y - scroll.clientHeight / 3;
    }
    let marked = null;
    figure.now = (spot) => {
      const at = spot === null ? -1 : inOrder.findIndex((node) => node.name === place(chart, spot));
      const next = groups[at] ?? null;
      if (next === marked) return;
      marked?.classList.remove("now");
      marked?.removeAttribute("aria-current");
      marked = next;
      if (!next) return;
      next.classList.add("now");
      next.setAttribute("aria-current", "step");
      const { x, y, width: w, height: h } = graph.node(inOrder[at].name);
      const left = svg.getBoundingClientRect().left - scroll.getBoundingClientRect().left + scroll.scrollLeft + x;
      const seenNow = left - w / 2 >= scroll.scrollLeft && left + w / 2 <= scroll.scrollLeft + scroll.clientWidth
        && y - h / 2 >= scroll.scrollTop && y + h / 2 <= scroll.scrollTop + scroll.clientHeight;
      if (seenNow) return;
      scroll.scrollLeft = left - scroll.clientWidth / 2;
      scroll.scrollTop = y - scroll.clientHeight / 2;
    };
    return figure;
  };
})();
