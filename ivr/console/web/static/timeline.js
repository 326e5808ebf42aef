// A time line: lanes of events over one axis of seconds.  It is drawn from the page's list of events, so what it
// shows is what the list tells, and only the part that is seen is drawn: an hour costs as much as a minute.
//
//   const line = new Timeline(box, { seconds, lanes: ["prompt", "caller"], names, onseek, onpick, onview });
//   line.read(items)            items: [{at, until, lane, kind, text, sure, ref}], seconds of the call
//   line.zoom(factor, second)   line.show(second)   line.cursor(second)   line.fit()
//
// box holds [data-lanes] (scrolls), in it [data-wide] with a canvas; [data-cursor] and [data-tip] lie over it.
"use strict";
(() => {
  const RULER = 22; // px of the axis
  const LANE = 26; // px of a lane
  const CLOSEST = 400; // px of a second
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const LEAST = 34; // px of a text that is cut
  const TICK = 64; // px between two times on the axis, at least
  const COLOURS = ["ink", "muted", "card", "line", "line-strong", "accent", "accent-soft", "danger", "danger-soft",
    "warn", "warn-soft", "ok", "ok-soft", "caller", "prompt", "paper"];

  // How each kind looks: shape, colour, filling.
  const LOOKS = {
    prompt: ["span", "prompt", "card"],
    said: ["span", "caller", "card"],
    told: ["span", "caller", "card"],
    key: ["key", "caller", "card"],
    step: ["span", "line-strong", "paper"],
    silence: ["gap", "line-strong", "paper"],
    deed: ["point", "ok", "ok-soft"],
    barge_in: ["notch", "accent", "accent-soft"],
    noinput: ["notch", "warn", "warn-soft"],
    nomatch: ["notch", "danger", "danger-soft"],
    deaf: ["notch", "danger", "danger-soft"],
    doubt: ["mark", "danger", "danger-soft"],
    note: ["point", "accent", "accent-soft"],
    score: ["point", "warn", "warn-soft"],
  };
  const OTHER = ["point", "muted", "paper"];

  const shown = (seconds, step) => {
    const whole = Math.floor(seconds + 1e-6);
    const h = Math.floor(whole / 3600);
    const m = Math.floor((whole % 3600) / 60);
    const s = String(whole % 60).padStart(2, "0");
    const text = h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
    return step < 1 ? `${text}.${Math.round((seconds - whole) * 10) % 10}` : text;
  };

  class Timeline {
    constructor(box, { seconds, lanes, names, onseek, onpick, onview }) {
      this.box = box;
      this.seconds = Math.max(seconds, 1);
      this.lanes = lanes;
      this.names = names || {};
      this.onseek = onseek;
      this.onpick = onpick;
      this.onview = onview || (() => {});
      this.scroller = box.querySelector("[data-lanes]");
      this.wide = box.querySelector("[data-wide]");
      this.canvas = this.wide.querySelector("canvas");
      this.needle = box.querySelector("[data-cursor]");
      this.tip = box.querySelector("[data-tip]");
      this.height = RULER + LANE * lanes.length;
      this.items = new Map(lanes.map((lane) => [lane, []]));
      this.longest = new Map();
      this.boxes = [];
      this.second = 0;
      this.scale = 0; // px of a second
      this.asked = 0; // the animation frame in which it will be drawn
      box.timeline = this;

      this.canvas.style.height = `${this.height}px`;
      this.wide.style.height = `${this.height}px`;
      this.scroller.addEventListener("scroll", () => this.moved(), { passive: true });
      this.scroller.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
      this.canvas.addEventListener("click", (event) => this.clicked(event));
      this.canvas.addEventListener("pointermove", (event) => this.pointed(event));
      this.canvas.addEventListener("pointerleave", () => this.hideTip());
      new ResizeObserver(() => this.resized()).observe(this.scroller);
      document.addEventListener("theme", () => this.coloured());
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.coloured());
      this.coloured();
      this.resized();
    }

    // What there is

    read(items) {
      for (const lane of this.lanes) this.items.set(lane, []);
      for (const item of items) if (this.items.has(item.lane)) this.items.get(item.lane).push(item);
      for (const [lane, all] of this.items) {
        all.sort((a, b) => a.at - b.at);
        this.longest.set(lane, all.reduce((most, item) => Math.max(most, (item.until || item.at) - item.at), 0));
      }
      this.draw();
    }

    lasts(seconds) {
      if (seconds <= this.seconds) return;
      const whole = this.fits();
      this.seconds = seconds;
      if (whole) this.fit();
      else this.scaled(this.scale, this.second);
    }

    coloured() {
      const style = getComputedStyle(this.box);
      this.colour = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
      this.font = `12px ${style.fontFamily}`;
      this.draw();
    }

    // What is seen of it

    get view() {
      return this.scroller.clientWidth;
    }

    get least() {
      return this.view / this.seconds;
    }

    fits() {
      return this.scale <= this.least * 1.001;
    }

    x(second) {
      return second * this.scale - this.scroller.scrollLeft;
    }

    at(x) {
      return Math.min(Math.max((x + this.scroller.scrollLeft) / this.scale, 0), this.seconds);
    }

    resized() {
      const view = this.view;
      if (!view) return;
      const whole = !this.scale || this.fits() || this.was === this.scale;
      const density = devicePixelRatio || 1;
      this.canvas.width = Math.round(view * density);
      this.canvas.height = Math.round(this.height * density);
      this.canvas.style.width = `${view}px`;
      this.density = density;
      if (whole) this.fit();
      else this.scaled(this.scale, this.second);
    }

    fit() {
      this.scaled(this.least, 0);
      this.was = this.scale;
    }

    zoom(factor, second) {
      this.scaled(this.scale * factor, second === undefined ? this.anchor() : second);
    }

    // The cursor if it is seen, else the middle of what is seen.
    anchor() {
      const x = this.x(this.second);
      return x >= 0 && x <= this.view ? this.second : this.at(this.view / 2);
    }

    scaled(scale, second) {
      const keep = this.scale ? this.x(second) : 0;
      this.scale = Math.min(Math.max(scale, this.least), Math.max(CLOSEST, this.least));
      this.was = 0;
      this.wide.style.width = `${Math.max(Math.ceil(this.seconds * this.scale), this.view)}px`;
      this.scroller.scrollLeft = second * this.scale - keep;
      this.moved(true);
    }

    // Puts a moment into sight, a sixth from the left, unless it is seen already.
    show(second) {
      const x = this.x(second);
      if (x >= 0 && x <= this.view * 0.92) return;
      this.scroller.scrollLeft = second * this.scale - this.view / 6;
    }

    scrollTo(left) {
      if (Math.abs(this.scroller.scrollLeft - left) > 1) this.scroller.scrollLeft = left;
    }

    moved(zoomed = false) {
      this.hideTip();
      this.draw();
      this.cursor(this.second);
      this.onview({ left: this.scroller.scrollLeft, scale: this.fits() ? 0 : this.scale, zoomed });
    }

    cursor(second) {
      this.second = second;
      const x = this.x(second);
      this.needle.hidden = x < -1 || x > this.view + 1;
      this.needle.style.transform = `translateX(${x.toFixed(1)}px)`;
    }

    // Hands

    wheeled(event) {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), this.at(this.over(event).x));
    }

    over(event) {
      const place = this.canvas.getBoundingClientRect();
      return { x: event.clientX - place.left, y: event.clientY - place.top };
    }

    hit({ x, y }) {
      for (let k = this.boxes.length - 1; k >= 0; k -= 1) {
        const one = this.boxes[k];
        if (x >= one.x0 - 2 && x <= one.x1 + 2 && y >= one.y0 && y <= one.y1) return one.item;
      }
      return null;
    }

    clicked(event) {
      const spot = this.over(event);
      const item = this.hit(spot);
      if (item) this.onpick(item);
      else this.onseek(this.at(spot.x));
    }

    pointed(event) {
      const spot = this.over(event);
      const item = this.hit(spot);
      this.canvas.classList.toggle("over", Boolean(item));
      if (!item) {
        this.hideTip();
        return;
      }
      if (this.tipped !== item) {
        this.tipped = item;
        const sure = item.sure === undefined ? "" : ` · ${Math.round(item.sure * 100)} %`;
        this.tip.textContent = `${shown(item.at, 0.1)} · ${item.name ? `${item.name}: ` : ""}${item.text}${sure}`;
        this.tip.hidden = false;
      }
      const most = this.view - this.tip.offsetWidth - 4;
      this.tip.style.transform = `translateX(${Math.max(0, Math.min(spot.x + 10, most))}px)`;
    }

    hideTip() {
      this.tipped = null;
      this.tip.hidden = true;
    }

    // Where the page's coordinates of an item are: for whoever points at it (tests do).
    place(item) {
      this.show(item.at);
      this.paint();
      const box = this.boxes.find((one) => one.item === item);
      const place = this.canvas.getBoundingClientRect();
      return box && { x: place.left + (Math.max(box.x0, 0) + Math.min(box.x1, this.view)) / 2, y: place.top + (box.y0 + box.y1) / 2 };
    }

    // The drawing

    draw() {
      if (this.asked || !this.scale) return;
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        this.paint();
      });
    }

    paint() {
      const pen = this.canvas.getContext("2d");
      const view = this.view;
      pen.setTransform(this.density, 0, 0, this.density, 0, 0);
      pen.clearRect(0, 0, view, this.height);
      pen.font = this.font;
      pen.textBaseline = "middle";
      this.boxes = [];
      const from = this.at(0);
      const to = this.at(view);
      this.ruler(pen, from, to);
      this.lanes.forEach((lane, n) => this.lane(pen, lane, RULER + n * LANE, from, to));
    }

    ruler(pen, from, to) {
      const step = STEPS.find((one) => one * this.scale >= TICK) || STEPS[STEPS.length - 1];
      pen.lineWidth = 1;
      for (let k = Math.ceil(from / step); k * step <= to; k += 1) {
        const x = Math.round(this.x(k * step)) + 0.5;
        pen.strokeStyle = this.colour.line;
        pen.beginPath();
        pen.moveTo(x, RULER - 5);
        pen.lineTo(x, this.height);
        pen.stroke();
        pen.fillStyle = this.colour.muted;
        pen.fillText(shown(k * step, step), x + 3, RULER / 2);
      }
    }

    // The first item of a lane that may still be seen from this second on.
    first(lane, second) {
      const all = this.items.get(lane);
      const wanted = second - this.longest.get(lane);
      let low = 0;
      let high = all.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (all[middle].at < wanted) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    lane(pen, lane, top, from, to) {
      const all = this.items.get(lane);
      pen.strokeStyle = this.colour.line;
      pen.beginPath();
      pen.moveTo(0, top + 0.5);
      pen.lineTo(this.view, top + 0.5);
      pen.stroke();
      const margin = 12 / this.scale; // of what is wider than its moment
      let drawn = -9; // the pixel up to which something is drawn
      for (let k = this.first(lane, from - margin); k < all.length && all[k].at <= to + margin; k += 1) {
        const item = all[k];
        const [shape, colour, filling] = LOOKS[item.kind] || OTHER;
        const x0 = this.x(item.at);
        const x1 = Math.max(this.x(item.until || item.at), x0);
        if (x1 < -12 || (x1 - x0 < 2 && x0 - drawn < 1.5)) continue;
        const next = k + 1 < all.length ? this.x(all[k + 1].at) : this.view;
        const end = this[shape](pen, item, x0, x1, next, top, this.colour[colour], this.colour[filling]);
        drawn = Math.max(drawn, shape === "span" || shape === "gap" ? x1 : x0);
        this.boxes.push({ x0: Math.min(x0, end.x0), x1: end.x1, y0: top + 2, y1: top + LANE - 1, item });
      }
    }

    span(pen, item, x0, x1, next, top, colour, filling) {
      const left = Math.max(x0, -4);
      const right = Math.max(Math.min(x1, this.view + 4), left + 1.5);
      pen.fillStyle = filling;
      pen.strokeStyle = colour;
      pen.lineWidth = 1;
      if (item.sure !== undefined && item.sure < 0.7) pen.setLineDash([3, 2]);
      pen.beginPath();
      if (right - left > 6) pen.roundRect(left + 0.5, top + 3.5, right - left - 1, LANE - 7, 3);
      else pen.rect(left, top + 3, right - left, LANE - 6);
      pen.fillStyle = right - left > 6 ? filling : colour;
      pen.fill();
      if (right - left > 6) pen.stroke();
      pen.setLineDash([]);
      pen.fillStyle = colour;
      pen.fillRect(left, top + 3, Math.min(3, right - left), LANE - 6);
      this.text(pen, item.text, Math.max(left, 0) + 6, right - 3, top, this.colour.ink);
      return { x0: left, x1: right };
    }

    gap(pen, item, x0, x1, next, top, colour) {
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.setLineDash([2, 4]);
      pen.beginPath();
      pen.moveTo(Math.max(x0, 0), top + LANE / 2);
      pen.lineTo(Math.min(x1, this.view), top + LANE / 2);
      pen.stroke();
      pen.setLineDash([]);
      return { x0, x1 };
    }

    key(pen, item, x0, x1, next, top, colour) {
      if (next - x0 < 15) return this.tick(pen, x0, top, colour);
      const size = 16;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.roundRect(x0 - 2, top + 5, size, LANE - 10, 3);
      pen.fill();
      pen.fillStyle = this.colour.card;
      pen.textAlign = "center";
      pen.fillText(item.text, x0 - 2 + size / 2, top + LANE / 2 + 0.5);
      pen.textAlign = "left";
      return { x0: x0 - 2, x1: x0 - 2 + size };
    }

    tick(pen, x0, top, colour) {
      pen.fillStyle = colour;
      pen.fillRect(x0, top + 5, 2, LANE - 10);
      return { x0: x0 - 1, x1: x0 + 3 };
    }

    // What happened to the conversation; a diamond is only a doubt, which the keys n and p go to.
    notch(pen, item, x0, x1, next, top, colour) {
      const middle = top + LANE / 2;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(x0, middle - 5);
      pen.lineTo(x0 + 5, middle + 5);
      pen.lineTo(x0 - 5, middle + 5);
      pen.fill();
      const end = this.text(pen, item.text, x0 + 8, next - 10, top, this.colour.ink);
      return { x0: x0 - 5, x1: Math.max(end, x0 + 5) };
    }

    mark(pen, item, x0, x1, next, top, colour) {
      const middle = top + LANE / 2;
      pen.fillStyle = colour;
      pen.beginPath();
      pen.moveTo(x0, middle - 6);
      pen.lineTo(x0 + 6, middle);
      pen.lineTo(x0, middle + 6);
      pen.lineTo(x0 - 6, middle);
      pen.fill();
      const end = this.text(pen, item.text, x0 + 9, next - 10, top, this.colour.ink);
      return { x0: x0 - 6, x1: Math.max(end, x0 + 6) };
    }

    point(pen, item, x0, x1, next, top, colour) {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x0, top + LANE / 2, 4.5, 0, 7);
      pen.fill();
      const end = this.text(pen, item.text, x0 + 8, next - 8, top, this.colour.ink);
      return { x0: x0 - 5, x1: Math.max(end, x0 + 5) };
    }

    // As much of it as there is room for; where it ends.
    text(pen, text, left, right, top, colour) {
      const room = Math.min(right, this.view) - left;
      if (room < 14 || !text) return left - 4;
      pen.fillStyle = colour;
      const most = Math.ceil(room / 4);
      let told = text.length > most ? text.slice(0, most) : text;
      let width = pen.measureText(told).width;
      while (told.length > 1 && width > room) {
        told = `${told.slice(0, Math.max(1, Math.floor((told.length * room) / width) - 1))}…`;
        width = pen.measureText(told).width;
        if (told.length <= 2) break;
      }
      if (told !== text && room < LEAST) return left - 4; // three letters tell nobody anything
      if (width <= room + 2) pen.fillText(told, left, top + LANE / 2 + 0.5);
      return left + Math.min(width, room);
    }
  }

  window.Timeline = Timeline;
  window.clockOf = (seconds) => shown(seconds, 1);
})();
