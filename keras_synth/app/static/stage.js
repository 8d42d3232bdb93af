// The stage: an image with zoom, a mask drawn on it, before and after.

const LARGEST_MASK = 16e6; // pixels; phones have no larger canvas
const MASK = "rgb(255, 0, 90)";

/** A mask as a list of strokes, so that each can be undone. */
export class Mask {
  constructor(width, height) {
    const scale = Math.min(1, Math.sqrt(LARGEST_MASK / (width * height)));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.scale = this.canvas.width / width;
    this.strokes = [];
  }
  get empty() { return !this.strokes.some((s) => s.kind !== "eraser"); }
  add(stroke) { this.strokes.push(stroke); this.draw(stroke); }
  undo() { this.strokes.pop(); this.redraw(); }
  clear() { this.strokes = []; this.redraw(); }
  invert() { this.add({ kind: "invert" }); }
  redraw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.strokes.forEach((stroke) => this.draw(stroke));
  }
  draw({ kind, points, size, image, from = 0 }) {
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.save();
    context.fillStyle = context.strokeStyle = MASK;
    if (kind === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, width, height);
    } else if (kind === "image") {
      context.drawImage(image, 0, 0, width, height);
    } else {
      context.scale(this.scale, this.scale);
      if (kind === "eraser") context.globalCompositeOperation = "destination-out";
      const path = new Path2D();
      points.slice(Math.max(from - 1, 0)).forEach(([x, y], index) => {
        if (index) path.lineTo(x, y); else path.moveTo(x, y);
      });
      if (kind === "lasso") {
        context.fill(path);
      } else {
        context.lineCap = context.lineJoin = "round";
        context.lineWidth = size;
        const [x, y] = points.at(-1);
        path.lineTo(x + 0.01, y);
        context.stroke(path);
      }
    }
    context.restore();
  }
  /** White on black, in whole pixels. */
  async file() {
    const { width, height } = this.canvas;
    const copy = document.createElement("canvas");
    Object.assign(copy, { width, height });
    const from = this.canvas.getContext("2d");
    const to = copy.getContext("2d");
    const rows = Math.max(1, Math.floor(4e6 / width));
    for (let top = 0; top < height; top += rows) {
      const part = from.getImageData(0, top, width, Math.min(rows, height - top));
      const values = part.data;
      for (let i = 0; i < values.length; i += 4) {
        const marked = values[i + 3] > 127 ? 255 : 0;
        values[i] = values[i + 1] = values[i + 2] = marked;
        values[i + 3] = 255;
      }
      to.putImageData(part, 0, top);
    }
    return new Promise((done) => copy.toBlob(done, "image/png"));
  }
}

/** White, or opaque, parts of an image as what a mask draws. */
export function asMask(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const part = context.getImageData(0, 0, canvas.width, canvas.height);
  const values = part.data;
  for (let i = 0; i < values.length; i += 4) {
    const white = values[i] + values[i + 1] + values[i + 2] > 381;
    values[i + 3] = white && values[i + 3] > 127 ? 255 : 0;
    values[i] = 255; values[i + 1] = 0; values[i + 2] = 90;
  }
  context.putImageData(part, 0, 0);
  return canvas;
}

export class Stage {
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.tool = "hand";
    this.size = 24;
    this.split = 0.5;
    this.item = null;
    this.pointers = new Map();
    this.stroke = null;
    this.cursor = null;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener("pointerdown", (e) => this.down(e));
    canvas.addEventListener("pointermove", (e) => this.move(e));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (e) => this.up(e));
    }
    canvas.addEventListener("pointerleave", () => {
      if (!this.pointers.size) { this.cursor = null; this.draw(); }
    });
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(Math.exp(-e.deltaY * 0.0015), this.place(e));
    }, { passive: false });
    canvas.addEventListener("keydown", (e) => this.key(e));
  }

  /** Shows `{before, after, mask, width, height}`; keeps the zoom of its own. */
  show(item) {
    this.item = item;
    if (item && !item.at) this.fit(); else this.draw();
  }
  get masking() { return this.item?.mask && !this.item.after; }
  get comparing() { return Boolean(this.item?.after); }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || (width === this.canvas.width && height === this.canvas.height)) return;
    const first = !this.item?.at || this.item.fitted;
    Object.assign(this.canvas, { width, height });
    if (this.item && first) this.fit(); else this.draw();
  }
  /** Size in pixels of what is shown: of the result, where there is one. */
  extent() {
    const shown = this.item.after ?? this.item;
    return [shown.width, shown.height];
  }
  fit() {
    if (!this.item || !this.canvas.width) return;
    const [width, height] = this.extent();
    const scale = Math.min(
      (0.96 * this.canvas.width) / width, (0.96 * this.canvas.height) / height, 16);
    this.at(scale);
    this.item.fitted = true;
    this.draw();
  }
  native() { this.at(1); this.item.fitted = false; this.draw(); }
  at(scale) {
    const [width, height] = this.extent();
    this.item.at = {
      scale,
      x: Math.round((this.canvas.width - scale * width) / 2),
      y: Math.round((this.canvas.height - scale * height) / 2),
    };
  }
  zoom(factor, [x, y] = [this.canvas.width / 2, this.canvas.height / 2]) {
    if (!this.item) return;
    const at = this.item.at;
    const scale = Math.min(Math.max(at.scale * factor, 0.01), 64);
    const ratio = scale / at.scale;
    at.x = x - ratio * (x - at.x);
    at.y = y - ratio * (y - at.y);
    at.scale = scale;
    this.item.fitted = false;
    this.draw();
  }
  pan(x, y) {
    if (!this.item) return;
    this.item.at.x += x;
    this.item.at.y += y;
    this.item.fitted = false;
    this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }
  inImage([x, y]) {
    const at = this.item.at;
    return [(x - at.x) / at.scale, (y - at.y) / at.scale];
  }

  down(event) {
    if (!this.item) return;
    this.canvas.setPointerCapture(event.pointerId);
    const place = this.place(event);
    this.pointers.set(event.pointerId, place);
    if (this.pointers.size === 2) { this.dropStroke(); return; }
    const draws = this.masking && this.tool !== "hand" && event.button === 0;
    this.dragged = null;
    if (draws) {
      this.stroke = { kind: this.tool, size: this.size, points: [this.inImage(place)] };
      if (this.tool !== "lasso") this.item.mask.draw(this.stroke);
      this.draw();
    } else if (this.comparing && event.button === 0 && this.nearSplit(place)) {
      this.dragged = "split";
    }
  }
  nearSplit([x]) {
    const [width] = this.extent();
    const at = this.item.at;
    return Math.abs(x - (at.x + at.scale * width * this.split)) <
      24 * (window.devicePixelRatio || 1);
  }
  move(event) {
    if (!this.item) return;
    const place = this.place(event);
    this.cursor = this.inImage(place);
    const old = this.pointers.get(event.pointerId);
    if (!old) { if (this.masking) this.draw(); return; }
    if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId);
      const [ox, oy] = other[1];
      const length = ([x, y]) => Math.hypot(x - ox, y - oy) || 1;
      this.pan((place[0] - old[0]) / 2, (place[1] - old[1]) / 2);
      this.zoom(length(place) / length(old),
        [(place[0] + ox) / 2, (place[1] + oy) / 2]);
    } else if (this.stroke) {
      const from = this.stroke.points.length;
      this.stroke.points.push(this.inImage(place));
      if (this.tool !== "lasso") this.item.mask.draw({ ...this.stroke, from });
      this.draw();
    } else if (this.dragged === "split") {
      const [width] = this.extent();
      const at = this.item.at;
      this.setSplit((place[0] - at.x) / (at.scale * width));
    } else {
      this.pan(place[0] - old[0], place[1] - old[1]);
    }
    this.pointers.set(event.pointerId, place);
  }
  up(event) {
    this.pointers.delete(event.pointerId);
    if (this.stroke) {
      if (this.tool === "lasso") this.item.mask.add(this.stroke);
      else this.item.mask.strokes.push(this.stroke);
      this.stroke = null;
      this.draw();
      this.onChange();
    }
  }
  dropStroke() {
    if (this.stroke) { this.stroke = null; this.item.mask.redraw(); this.draw(); }
  }
  setSplit(share) {
    this.split = Math.min(Math.max(share, 0), 1);
    this.draw();
    this.onChange();
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!this.item || event.ctrlKey || event.metaKey) return;
    const draws = this.masking && (this.tool === "brush" || this.tool === "eraser");
    if (way && draws) {
      const step = Math.max(1, this.size / 4);
      const old = this.cursor ?? [this.item.width / 2, this.item.height / 2];
      this.cursor = [
        Math.min(Math.max(old[0] + way[0] * step, 0), this.item.width),
        Math.min(Math.max(old[1] + way[1] * step, 0), this.item.height)];
      if (event.shiftKey) this.stamp([old, this.cursor]);
      this.draw();
    } else if (way) {
      this.pan(-40 * way[0], -40 * way[1]);
    } else if (event.key === " " && draws) {
      this.cursor ??= [this.item.width / 2, this.item.height / 2];
      this.stamp([this.cursor]);
    } else {
      return;
    }
    event.preventDefault();
  }
  stamp(points) {
    this.item.mask.add({ kind: this.tool, size: this.size, points });
    this.draw();
    this.onChange();
  }

  draw() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.drawNow(); });
  }
  drawNow() {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.item?.at) return;
    const { scale, x, y } = this.item.at;
    const [width, height] = this.extent();
    context.translate(x, y);
    context.scale(scale, scale);
    context.imageSmoothingEnabled = scale < 1;
    context.imageSmoothingQuality = "high";
    const { before, after, mask } = this.item;
    if (!after) {
      context.drawImage(before, 0, 0, width, height);
      if (mask && this.showsMask) {
        context.globalAlpha = 0.5;
        context.drawImage(mask.canvas, 0, 0, width, height);
        context.globalAlpha = 1;
        this.drawTool(context, scale);
      }
      return;
    }
    context.drawImage(after.image, 0, 0, width, height);
    const cut = width * this.split;
    context.save();
    context.beginPath();
    context.rect(0, 0, cut, height);
    context.clip();
    context.clearRect(0, 0, cut, height);
    context.imageSmoothingEnabled = scale * width < before.naturalWidth;
    context.drawImage(before, 0, 0, width, height);
    context.restore();
    const ratio = window.devicePixelRatio || 1;
    context.fillStyle = "rgba(0, 0, 0, 0.55)";
    context.fillRect(cut - (1.5 * ratio) / scale, 0, (3 * ratio) / scale, height);
    context.fillStyle = "#fff";
    context.fillRect(cut - (0.5 * ratio) / scale, 0, ratio / scale, height);
    context.beginPath();
    context.arc(cut, height / 2, (9 * ratio) / scale, 0, 7);
    context.fill();
    context.lineWidth = (1.5 * ratio) / scale;
    context.strokeStyle = "rgba(0, 0, 0, 0.55)";
    context.stroke();
  }
  drawTool(context, scale) {
    context.lineWidth = 1.5 / scale;
    if (this.stroke?.kind === "lasso") {
      context.beginPath();
      this.stroke.points.forEach(([x, y]) => context.lineTo(x, y));
      context.closePath();
      context.fillStyle = "rgba(255, 0, 90, 0.3)";
      context.fill();
      context.strokeStyle = MASK;
      context.stroke();
    } else if (this.cursor && (this.tool === "brush" || this.tool === "eraser")) {
      for (const [color, more] of [["#000", 0], ["#fff", 1.5 / scale]]) {
        context.beginPath();
        context.arc(...this.cursor, Math.max(this.size / 2 - more, 0.5), 0, 7);
        context.strokeStyle = color;
        context.stroke();
      }
    }
  }
}
