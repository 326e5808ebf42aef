// The replay of a call: sound, waveform, time line, list and map, all at one moment.
//
// The moment is the sound's where there is sound, else a cursor that is moved by hand.  Whoever wants to go somewhere
// calls `go(second)`; whoever shows something is told by `moved(second)`.
"use strict";
(() => {
  const page = document.querySelector("[data-replay]");
  const one = (selector, root = page) => root.querySelector(selector);
  const all = (selector, root = page) => [...root.querySelectorAll(selector)];
  const STEPS = ["prompt", "caller", "signal", "step", "deed", "mark"];
  const AROUND = 0.15; // seconds heard before and after a word
  const NEAR = 0.35; // of a moment of doubt that one stands on

  let second = 0;
  let until = null; // where playing a word ends
  let skipping = false;
  let silence = [];
  let audio = null;
  let wave = null;
  let rows = []; // [{at, until, element}] of the list, by time
  let current = null;

  // The list

  const number = (element, name) => {
    const value = element.getAttribute(`data-${name}`);
    return value === null ? undefined : Number(value);
  };

  // What is only told when somebody points at it is looked up then: an hour has thousands of these.
  class Item {
    constructor(element, lane, kind, text, word) {
      const from = word || element;
      this.at = number(from, "at");
      this.until = number(from, "until");
      this.sure = number(from, "sure");
      this.lane = lane;
      this.kind = kind;
      this.text = text;
      this.element = element;
      this.word = word;
    }

    get name() {
      const what = this.element.querySelector(".what");
      return what ? what.textContent : "";
    }
  }

  const read = () => {
    rows = [];
    const items = [];
    const list = one("[data-events]");
    for (const element of all("[data-event]")) {
      const lane = element.getAttribute("data-lane");
      const kind = element.getAttribute("data-kind");
      if (element.parentNode === list) rows.push({ at: number(element, "at"), element });
      // Who said nothing, or wasn't understood, is a doubt as well: n and p stop there (`_doubts` of the story).
      if (kind === "noinput" || kind === "nomatch") items.push(new Item(element, "mark", "doubt", ""));
      const words = element.getElementsByClassName("word");
      if (!words.length) items.push(new Item(element, lane, kind, element.getAttribute("data-short") || ""));
      for (const word of words) {
        items.push(new Item(element, lane, kind === "key" ? "key" : "said", word.textContent, word));
      }
    }
    line.read(items);
  };

  // The last row that has begun by this second.
  const rowAt = (at) => {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].at <= at + 0.01) low = middle + 1;
      else high = middle;
    }
    return low ? rows[low - 1].element : null;
  };

  const list = one("[data-told]");
  const follow = one("[data-follow]");
  const mark = () => {
    const now = rowAt(second);
    if (now === current) return;
    if (current) current.removeAttribute("aria-current");
    current = now;
    if (!now) return;
    now.setAttribute("aria-current", "true");
    if (!follow.checked) return;
    const top = now.offsetTop; // within the list, which is its offset parent
    if (top < list.scrollTop || top + now.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
  };

  // The moment

  const playing = () => Boolean(audio && !audio.paused && !audio.ended);
  const time = one("[data-time]");
  const length = () => line.seconds;
  let told = "";
  let follows = () => {}; // the map, once it is drawn

  const moved = (at) => {
    second = at;
    line.cursor(at);
    const text = clockOf(at);
    if (text !== told) {
      told = text;
      time.firstElementChild.textContent = text;
      mark();
    }
    follows();
  };

  const go = (at, { end = null, show = true } = {}) => {
    at = Math.min(Math.max(at, 0), length());
    until = end;
    if (audio) audio.currentTime = at;
    if (show) line.show(at);
    moved(at);
  };

  // The time line

  const line = new Timeline(one("[data-axis]"), {
    seconds: Number(page.dataset.seconds),
    lanes: STEPS,
    onseek: (at) => go(at, { show: false }),
    onpick: (item) => (item.word ? hear(item.at, item.until) : go(item.at, { show: false })),
    onview: ({ left, scale, zoomed }) => {
      if (!wave) return;
      if (zoomed) wave.zoom(scale);
      wave.setScroll(left);
    },
  });

  // The sound

  const sign = one("[data-play-sign]");
  const word = one("[data-play-word]");
  const button = one("[data-play]");
  const showPlaying = () => {
    const on = playing();
    sign.textContent = on ? "❚❚" : "▶";
    word.textContent = on ? button.dataset.pauseName : button.dataset.playName;
    if (on) requestAnimationFrame(run);
  };

  // In each frame while it plays: what has ended ends, silence is left out, everything moves.
  const run = () => {
    if (!playing()) return;
    const at = audio.currentTime;
    if (until !== null && at >= until) {
      audio.pause();
      until = null;
    } else if (skipping && until === null) {
      const gap = silence.find(([from, to]) => at >= from && at < to - 0.05);
      if (gap) audio.currentTime = gap[1];
    }
    moved(at);
    line.show(at);
    requestAnimationFrame(run);
  };

  const start = () => {
    if (!audio) {
      ask();
      return;
    }
    audio.play().catch(() => {});
  };
  const stop = () => audio && audio.pause();

  const hear = (from, to) => {
    go(from - AROUND, { end: to + AROUND });
    if (audio) start();
  };

  const speed = one("[data-speed]");
  const faster = (by) => {
    const at = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
    speed.selectedIndex = at;
    setSpeed();
  };
  const setSpeed = () => {
    if (audio) audio.playbackRate = Number(speed.value);
    tell(speed.options[speed.selectedIndex].textContent);
  };

  const colours = () => {
    const style = getComputedStyle(page);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    const side = (colour) => ({ waveColor: of(colour), progressColor: of(colour), height: 44 });
    return [side("caller"), side("prompt")];
  };

  // The waveform: of peaks that were made beforehand, so that an hour needs no decoding.
  const drawWave = async () => {
    const answer = await fetch(page.dataset.peaks);
    if (!answer.ok) return;
    const peaks = await answer.json();
    silence = peaks.silence || [];
    if (!window.WaveSurfer) return;
    const box = one("[data-waves]");
    box.hidden = false;
    for (const name of all("[data-wave-name]")) name.hidden = false;
    line.lasts(peaks.seconds || 0);
    const sides = [peaks.caller, peaks.prompts];
    const values = sides.map((side) => Float32Array.from(side, (level) => level / peaks.full));
    wave = WaveSurfer.create({
      container: box, peaks: values, duration: length(), cspNonce: page.dataset.nonce, splitChannels: colours(),
      height: 44, cursorWidth: 0, hideScrollbar: true, autoScroll: false, autoCenter: false, interact: true,
      dragToSeek: true, normalize: true, minPxPerSec: line.fits() ? 0 : line.scale,
      ...(audio ? { media: audio } : {}),
    });
    wave.on("interaction", (at) => go(at, { show: false }));
    wave.on("scroll", (from, to, left) => line.scrollTo(left));
    wave.on("ready", () => {
      if (!line.fits()) wave.zoom(line.scale);
      wave.setScroll(line.scroller.scrollLeft);
      page.dataset.wave = "drawn";
    });
  };

  const openSound = () => {
    audio = new Audio();
    audio.preload = "metadata";
    audio.src = page.dataset.audio;
    audio.playbackRate = Number(speed.value);
    audio.preservesPitch = true;
    for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, showPlaying);
    audio.addEventListener("error", () => {
      one("[data-broken]").hidden = false;
      audio = null;
    });
    audio.addEventListener("loadedmetadata", () => {
      if (second) audio.currentTime = second;
      one("[data-broken]").hidden = true;
    });
    const why = one("[data-no-sound]");
    if (!why.hidden) {
      why.style.minHeight = `${why.offsetHeight}px`; // nothing below it jumps
      why.textContent = why.dataset.here;
    }
  };

  // Why somebody listens

  const dialog = one("[data-listen-dialog]");
  const ask = () => {
    if (dialog) dialog.showModal();
    else tell(one("[data-no-sound]").textContent.trim());
  };
  if (dialog) {
    one("[data-listen-close]").addEventListener("click", () => dialog.close());
    one("[data-listen-form]").addEventListener("submit", async (event) => {
      event.preventDefault();
      const form = event.target;
      const given = new FormData(form);
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams(given),
      }).catch(() => null);
      const told = answer ? await answer.json().catch(() => ({})) : {};
      const error = one("[data-listen-error]");
      error.hidden = Boolean(told.granted);
      if (!told.granted) {
        error.textContent = error.dataset[told.error] || error.dataset.lost;
        one("[data-despite]").hidden = told.error !== "changed";
        if (told.error === "reason") one("#listen-words").focus();
        return;
      }
      dialog.close();
      openSound();
      if (wave) wave.destroy();
      one("[data-waves]").replaceChildren();
      await drawWave();
      start();
      button.focus();
    });
  }

  // Buttons

  const doubts = (page.dataset.doubts || "").split(" ").filter(Boolean).map(Number);
  const toDoubt = (way) => {
    const there = way > 0 ? doubts.find((at) => at > second + NEAR) : doubts.findLast((at) => at < second - NEAR);
    if (there !== undefined) go(there);
    else tell(one(`[data-doubt="${way}"]`).dataset.none);
  };
  button.addEventListener("click", () => (playing() ? stop() : start()));
  for (const each of all("[data-step]")) {
    each.addEventListener("click", () => go(second + Number(each.dataset.step)));
  }
  for (const each of all("[data-faster]")) each.addEventListener("click", () => faster(Number(each.dataset.faster)));
  speed.addEventListener("change", setSpeed);
  const skip = one("[data-skip]");
  skip.addEventListener("click", () => {
    skipping = !skipping;
    skip.setAttribute("aria-pressed", String(skipping));
  });
  for (const each of all("[data-doubt]")) each.addEventListener("click", () => toDoubt(Number(each.dataset.doubt)));
  for (const each of all("[data-zoom]")) {
    each.addEventListener("click", () =>
      each.dataset.zoom === "fit" ? line.fit() : line.zoom(Number(each.dataset.zoom)),
    );
  }
  one("[data-only]").addEventListener("change", (event) => {
    list.classList.toggle("only-talk", event.target.checked);
  });

  // A link to this moment

  const copy = one("[data-copy]");
  copy.addEventListener("click", async () => {
    const link = `${location.origin}${location.pathname}#t=${second.toFixed(1)}`;
    history.replaceState(null, "", link);
    try {
      await navigator.clipboard.writeText(link);
      tell(copy.dataset.done);
      const before = copy.textContent;
      copy.textContent = copy.dataset.done;
      setTimeout(() => (copy.textContent = before), 1500);
    } catch {
      prompt(copy.dataset.prompt, link); // without https browsers give no clipboard
    }
  });

  const byHash = () => {
    const found = /^#t=(\d+(?:\.\d+)?)/.exec(location.hash) || /[?&]t=(\d+(?:\.\d+)?)/.exec(location.search);
    if (found) go(Number(found[1]));
    return Boolean(found);
  };
  addEventListener("hashchange", byHash);

  page.addEventListener("click", (event) => {
    const when = event.target.closest("a.when");
    if (when && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const at = Number(when.hash.slice(3));
      history.replaceState(null, "", when.hash);
      go(at);
      return;
    }
    const said = event.target.closest("button.word");
    if (said) hear(Number(said.dataset.at), Number(said.dataset.until));
    const pin = event.target.closest("[data-pin]");
    if (pin) {
      const field = pin.parentElement.querySelector("[data-pin-second]");
      field.value = field.value === "" ? second.toFixed(2) : "";
      showPin(pin);
    }
  });

  // Notes and the score are sent without leaving the page; what comes back replaces them.

  const showPin = (pin) => {
    const at = pin.parentElement.querySelector("[data-pin-second]").value;
    pin.textContent = at === "" ? pin.dataset.pinHere : pin.dataset.pinned.replace("{at}", clockOf(Number(at)));
  };
  const showPins = () => all("[data-pin]").forEach(showPin);
  const showNoteAt = () => {
    const label = one("[data-note-at]");
    if (!label) return;
    const at = one("[data-note-second]").value;
    label.textContent = at === "" ? `· ${label.dataset.whole}` : `${label.dataset.at} ${clockOf(Number(at))}`;
  };
  const noteHere = one("[data-note-here]");
  if (noteHere) {
    noteHere.addEventListener("click", () => {
      one("[data-note-second]").value = second.toFixed(2);
      showNoteAt();
      const field = one("#note-text");
      field.focus();
      field.scrollIntoView({ block: "nearest" });
    });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 422 || event.detail.xhr.status === 409) event.detail.shouldSwap = true;
  });
  // What was swapped took the focus with it: one goes on from what was written, or from what was wrong with it.
  let known = new Set(all(".note-list > li").map((note) => note.id));
  const goOn = (piece) => {
    if (!piece || piece.contains(document.activeElement)) return;
    const notes = all(".note-list > li");
    const wrong = one("[aria-invalid=true], fieldset[aria-describedby] input", piece);
    const written = piece.id === "notes" && (notes.find((note) => !known.has(note.id)) ?? notes.find((note) => note.id === changed));
    const there = wrong || written || one("h2", piece);
    if (!wrong) there.tabIndex = -1;
    there.focus();
  };
  let changed = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    changed = event.target.closest(".note-list > li")?.id ?? "";
    known = new Set(all(".note-list > li").map((note) => note.id));
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    read();
    showPins();
    showNoteAt();
    goOn(document.getElementById(event.detail.target.id));
  });

  // The keyboard, also with Cyrillic letters on the keys: by the key's place.

  const byPlace = (event) => {
    if (event.code === "Space") return "Space";
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      return event.shiftKey ? `⇧+${event.key === "ArrowLeft" ? "←" : "→"}` : event.key;
    }
    if (/^Key[A-Z]$/.test(event.code) && !event.shiftKey) return event.code[3].toLowerCase();
    if (event.key === "<" || (event.code === "Comma" && event.shiftKey)) return "<";
    if (event.key === ">" || (event.code === "Period" && event.shiftKey)) return ">";
    if (event.key === "+" || event.key === "=") return "+";
    return event.key;
  };
  let before = 0; // when "g" was pressed: what follows belongs to it
  document.addEventListener(
    "keydown",
    (event) => {
      const there = event.target;
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (there.matches("textarea, select, input:not([type=radio]):not([type=checkbox])")) return;
      const key = byPlace(event);
      if (key === "g") before = Date.now();
      if (Date.now() - before < 1500) return;
      if (key === "Space" && there !== button && window.pressedBySpace(there)) return;
      if (/Arrow|←|→/.test(key) && there.closest("input[type=radio], .flowmap-node")) return;
      const found = page.querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (!found || found.disabled) return;
      event.preventDefault();
      event.stopPropagation();
      found.click();
    },
    true,
  );

  // A call in progress

  const again = async () => {
    if (document.hidden) return;
    const answer = await fetch(page.dataset.story).catch(() => null);
    if (!answer || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.querySelector("[data-events]");
    const here = one("[data-events]");
    if (next.children.length !== here.children.length || next.lastElementChild?.dataset.until !== here.lastElementChild?.dataset.until) {
      here.replaceChildren(...next.children);
      current = null;
      read();
      mark();
    }
    line.lasts(Number(next.dataset.seconds));
    one("[data-length]").textContent = clockOf(length());
    if (next.dataset.live === "no") location.reload();
    else if (second === 0) list.scrollTop = list.scrollHeight;
  };
  if (page.dataset.live === "yes") setInterval(again, 2000);

  // The map

  const drawMap = async () => {
    const box = one("[data-map]");
    if (!box || !window.drawFlowmap) return;
    const visits = JSON.parse(one("[data-visits]").textContent);
    const answer = await fetch(box.dataset.maps).catch(() => null);
    if (!answer || !answer.ok) return;
    const charts = await answer.json();
    const parts = [...new Set(visits.map(([part]) => part))].filter((part) => charts[part]);
    const choice = one("[data-map-part]");
    for (const part of parts) {
      const option = document.createElement("option");
      option.value = part;
      option.textContent = charts[part].title || part.replaceAll("_", " ");
      choice.append(option);
    }
    if (!parts.length) {
      one("[data-map-card]").hidden = true;
      return;
    }
    const ways = visits.filter(([part]) => charts[part]);
    const visitAt = (at) => ways.findLast(([, , came]) => came <= at + 0.01) ?? ways[0];
    let figure = null;
    let byHand = false; // somebody looks at another part than where the call is
    const point = () => {
      const [part, spot] = visitAt(second);
      figure.now(part === choice.value ? spot : null);
    };
    const draw = () => {
      box.replaceChildren();
      const here = visits.filter(([part]) => part === choice.value).map(([, spot, at]) => ({ spot, at }));
      figure = drawFlowmap(box, charts[choice.value], { visits: here, onpick: (at) => go(at) });
      point();
    };
    choice.addEventListener("change", () => {
      byHand = choice.value !== visitAt(second)[0];
      draw();
    });
    [choice.value] = visitAt(second || doubts[0] || 0);
    draw();
    let last = null;
    follows = () => {
      const visit = visitAt(second);
      if (visit === last) return;
      last = visit;
      const [part] = visit;
      if (!byHand && part !== choice.value) {
        choice.value = part;
        draw();
      } else point();
    };
  };

  read();
  showPins();
  showNoteAt();
  if (!byHash()) moved(0);
  if (page.dataset.sound === "here") openSound();
  if (["here", "reason", "role"].includes(page.dataset.sound)) drawWave();
  drawMap();
  const recolour = () => wave && wave.setOptions({ splitChannels: colours() });
  document.addEventListener("theme", recolour);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  page.dataset.ready = String(Math.round(performance.now()));
  page.replay = { go, line, get second() { return second; }, get audio() { return audio; }, get wave() { return wave; } };
})();
