// The picture: zoom and pan to the pixel, tiles, mask and strokes, the comparison. Knows nothing of the server but tiles.
//
// Places are pixels of the upright photo. Three canvases lie on each other: photo, mask (tinted, half transparent) and
// outlines. While somebody paints, only the new piece of the line is drawn, on the mask's canvas.

const TILE = 512;
const MOST_TILES = 160;
const MAX_SCALE = 16; // screen pixels for one of the photo
const CLICK_PX = 6; // a press that moves less is a click
const SQUARES_FROM = 3; // screen pixels for one of the photo, from which single pixels are shown sharp

const $ = (id) => document.getElementById(id);

export class Stage {
  /** `hooks`: onStroke(step), onClick(x, y), onView(), onDivider(), loadTile(layer, level, column, row) → ImageBitmap. */
  constructor(hooks) {
    this.hooks = hooks;
    this.element = $("stage");
    this.canvases = { photo: $("layer-photo"), mask: $("layer-mask"), over: $("layer-over") };
    this.contexts = Object.fromEntries(Object.entries(this.canvases).map(([name, canvas]) => [name, canvas.getContext("2d")]));
    this.ring = $("ring");
    this.divider = $("divider");
    this.reset();
    this.tool = "brush";
    this.radius = 40;
    this.split = 0.5;
    this.pointers = new Map();
    this.spaceHeld = false;
    this.originalHeld = false;
    new ResizeObserver(() => this.resize()).observe(this.element);
    this.listen();
  }

  reset() {
    this.size = null; // { width, height } of the photo
    this.pictures = {}; // photo, mask, result: { bitmap, version }
    this.pending = []; // steps that the mask's picture does not hold yet
    this.live = null; // the line that is being drawn
    this.outlines = []; // { lines, color }
    this.mode = "mask";
    this.tiles = new Map();
    this.view = { scale: 1, x: 0, y: 0 };
    this.cursor = null;
    this.dirty = new Set(["photo", "mask", "over"]);
  }

  // What is shown.

  open(width, height) {
    this.reset();
    this.size = { width, height };
    this.radius = Math.max(3, Math.round(Math.max(width, height) / 90));
    this.fit();
  }

  setPicture(name, bitmap, version) {
    this.pictures[name]?.bitmap.close?.();
    this.pictures[name] = { bitmap, version };
    this.draw(name === "mask" ? "mask" : "photo");
  }

  setMode(mode) {
    this.mode = mode;
    this.draw("photo", "mask", "over");
  }

  draw(...names) {
    for (const name of names) this.dirty.add(name);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const dirty = this.dirty;
      this.dirty = new Set();
      if (dirty.has("photo")) this.drawPhoto();
      if (dirty.has("mask")) this.drawMask();
      if (dirty.has("over")) this.drawOver();
    });
  }

  resize() {
    const { clientWidth, clientHeight } = this.element;
    const ratio = window.devicePixelRatio || 1;
    const isFirst = !this.width;
    const [centreX, centreY] = this.size && !isFirst ? this.toPhoto(this.width / 2, this.height / 2) : [0, 0];
    this.width = clientWidth;
    this.height = clientHeight;
    this.ratio = ratio;
    for (const canvas of Object.values(this.canvases)) {
      canvas.width = Math.round(clientWidth * ratio);
      canvas.height = Math.round(clientHeight * ratio);
    }
    if (this.size) {
      if (this.isFitted) this.fit();
      else {
        this.view.x = this.width / 2 - centreX * this.view.scale;
        this.view.y = this.height / 2 - centreY * this.view.scale;
      }
    }
    this.moved();
  }

  // The view.

  toPhoto(x, y) {
    return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
  }

  toScreen(x, y) {
    return [x * this.view.scale + this.view.x, y * this.view.scale + this.view.y];
  }

  fitScale() {
    const margin = Math.min(24, this.width * 0.02);
    return Math.min((this.width - 2 * margin) / this.size.width, (this.height - 2 * margin) / this.size.height);
  }

  fit() {
    if (!this.size || !this.width) return;
    const scale = this.fitScale();
    this.view = {
      scale,
      x: (this.width - this.size.width * scale) / 2,
      y: (this.height - this.size.height * scale) / 2,
    };
    this.isFitted = true;
    this.moved();
  }

  zoomTo(scale, x = this.width / 2, y = this.height / 2) {
    if (!this.size) return;
    const [photoX, photoY] = this.toPhoto(x, y);
    const least = Math.min(this.fitScale(), 1 / this.ratio) * 0.5;
    this.view.scale = Math.min(MAX_SCALE / this.ratio, Math.max(least, scale));
    this.view.x = x - photoX * this.view.scale;
    this.view.y = y - photoY * this.view.scale;
    this.isFitted = false;
    this.moved();
  }

  pan(dx, dy) {
    this.view.x += dx;
    this.view.y += dy;
    this.isFitted = false;
    this.moved();
  }

  moved() {
    if (this.size) {
      // Some of the photo stays in view.
      const keep = 60;
      const { scale } = this.view;
      this.view.x = Math.min(this.width - keep, Math.max(keep - this.size.width * scale, this.view.x));
      this.view.y = Math.min(this.height - keep, Math.max(keep - this.size.height * scale, this.view.y));
    }
    this.draw("photo", "mask", "over");
    this.showRing();
    this.hooks.onView();
  }

  // Drawing.

  place(context) {
    const k = this.ratio * this.view.scale;
    context.setTransform(k, 0, 0, k, this.ratio * this.view.x, this.ratio * this.view.y);
    context.imageSmoothingEnabled = k < SQUARES_FROM;
    context.imageSmoothingQuality = "high";
  }

  clear(context) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  }

  drawPhoto() {
    const context = this.contexts.photo;
    this.clear(context);
    if (!this.size || !this.pictures.photo) return;
    this.drawLayer(context, "photo");
    const isCompared = this.mode === "compare" && this.pictures.result && !this.originalHeld;
    if (isCompared) {
      context.save();
      context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      context.beginPath();
      const x = this.split * this.width;
      context.rect(x, 0, this.width - x, this.height);
      context.clip();
      this.drawLayer(context, "result");
      context.restore();
    }
  }

  drawMask() {
    const context = this.contexts.mask;
    this.clear(context);
    if (!this.size || this.mode !== "mask" || this.originalHeld) return;
    if (this.pictures.mask) this.drawLayer(context, "mask");
    this.place(context);
    for (const step of this.pending) this.drawStep(context, step);
    if (this.live) this.drawStep(context, this.live);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = this.tint();
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    context.globalCompositeOperation = "source-over";
  }

  tint() {
    this.colour ??= getComputedStyle(document.documentElement).getPropertyValue("--mask").trim();
    return this.colour;
  }

  drawStep(context, step) {
    const points = step.brush ?? step.erase;
    if (step.clear) {
      context.save();
      this.clear(context);
      context.restore();
      return;
    }
    if (!points) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, this.size.width, this.size.height);
    context.clip();
    this.drawLine(context, points, step.radius, Boolean(step.erase), 0);
    context.restore();
  }

  drawLine(context, points, radius, erases, from) {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = this.tint();
    context.lineWidth = 2 * radius;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    const start = Math.max(0, from - 1);
    context.moveTo(...points[start]);
    if (points.length === 1) context.lineTo(points[0][0] + 0.01, points[0][1]);
    for (let index = start + 1; index < points.length; index++) context.lineTo(...points[index]);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  drawLayer(context, name) {
    const { bitmap, version } = this.pictures[name];
    const { width, height } = this.size;
    this.place(context);
    context.drawImage(bitmap, 0, 0, width, height);
    const shown = this.ratio * this.view.scale;
    if (bitmap.width >= width || shown <= (bitmap.width / width) * 1.05) return;
    const level = Math.max(0, Math.floor(Math.log2(1 / shown)));
    const side = TILE << level;
    const [x0, y0] = this.toPhoto(0, 0);
    const [x1, y1] = this.toPhoto(this.width, this.height);
    const last = { column: Math.ceil(width / side) - 1, row: Math.ceil(height / side) - 1 };
    for (let row = Math.max(0, Math.floor(y0 / side)); row <= Math.min(last.row, Math.floor(y1 / side)); row++) {
      for (let column = Math.max(0, Math.floor(x0 / side)); column <= Math.min(last.column, Math.floor(x1 / side)); column++) {
        const tile = this.tile(name, version, level, column, row);
        if (!tile) continue;
        const box = [column * side, row * side, Math.min(side, width - column * side), Math.min(side, height - row * side)];
        if (name === "mask") context.clearRect(...box);
        context.drawImage(tile, ...box);
      }
    }
  }

  /** A tile where it is here by now; else it is fetched, and drawn when it comes. */
  tile(name, version, level, column, row) {
    const key = `${name} ${version} ${level} ${column} ${row}`;
    const known = this.tiles.get(key);
    if (known) {
      this.tiles.delete(key); // moved to the end: used last
      this.tiles.set(key, known);
      return known.bitmap;
    }
    const tile = { bitmap: null };
    this.tiles.set(key, tile);
    for (const [old, { bitmap }] of this.tiles) {
      if (this.tiles.size <= MOST_TILES) break;
      bitmap?.close();
      this.tiles.delete(old);
    }
    this.hooks.loadTile(name, level, column, row).then(
      (bitmap) => {
        if (this.tiles.get(key) !== tile || this.pictures[name]?.version !== version) return bitmap.close();
        tile.bitmap = bitmap;
        this.draw(name === "mask" ? "mask" : "photo");
      },
      () => this.tiles.delete(key),
    );
    return null;
  }

  drawOver() {
    const context = this.contexts.over;
    this.clear(context);
    if (!this.size || this.mode !== "mask" || this.originalHeld) return;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.lineWidth = 2;
    for (const { lines, color } of this.outlines) {
      for (const [stroke, dash] of [["#000a", []], [color, [7, 5]]]) {
        context.strokeStyle = stroke;
        context.lineWidth = dash.length ? 2.5 : 4;
        context.setLineDash(dash);
        context.beginPath();
        for (const line of lines) {
          line.forEach(([x, y], index) => context[index ? "lineTo" : "moveTo"](...this.toScreen(x, y)));
          context.closePath();
        }
        context.stroke();
      }
    }
    if (this.cursor && document.activeElement === this.element) {
      const [x, y] = this.toScreen(...this.cursor);
      context.setLineDash([]);
      context.strokeStyle = "#fff";
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x - 7, y);
      context.lineTo(x + 7, y);
      context.moveTo(x, y - 7);
      context.lineTo(x, y + 7);
      context.stroke();
    }
  }

  // The brush's ring.

  showRing() {
    const isShown = this.ringAt && this.size && this.paints();
    this.ring.hidden = !isShown;
    this.element.dataset.cursor = this.size ? (this.paints() ? "paint" : this.pointers.size ? "moving" : "move") : "";
    if (!isShown) return;
    const side = Math.max(4, 2 * this.radius * this.view.scale);
    if (this.ringSide !== side) this.ring.style.width = this.ring.style.height = `${(this.ringSide = side)}px`;
    this.ring.style.transform = `translate(${this.ringAt[0] - side / 2}px, ${this.ringAt[1] - side / 2}px)`;
    this.ring.classList.toggle("down", Boolean(this.live));
  }

  paints() {
    return this.tool !== "move" && !this.spaceHeld;
  }

  // Pointers: one paints or moves, two zoom.

  listen() {
    const element = this.element;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, (event) => this.up(event, name));
    element.addEventListener("pointerleave", () => {
      if (!this.live) this.ringAt = null;
      this.showRing();
    });
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    for (const name of ["focus", "blur"]) element.addEventListener(name, () => this.draw("over"));
    this.divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      this.divider.setPointerCapture(event.pointerId);
      this.dragging = true;
    });
    this.divider.addEventListener("pointermove", (event) => {
      if (this.dragging) this.setSplit((event.clientX - element.getBoundingClientRect().left) / this.width);
    });
    for (const name of ["pointerup", "pointercancel"]) this.divider.addEventListener(name, () => (this.dragging = false));
    this.divider.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1, PageDown: -0.1, PageUp: 0.1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.setSplit(this.split + step);
    });
  }

  setSplit(share) {
    this.split = Math.min(1, Math.max(0, share));
    this.hooks.onDivider();
    this.draw("photo");
  }

  at(event) {
    const box = (this.bounds ??= this.element.getBoundingClientRect());
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (!this.size || event.target.closest("button, [role=slider]")) return;
    this.bounds = null;
    if (event.pointerType === "touch" && [...this.pointers.values()].some((p) => p.type === "pen")) return; // a palm
    if (event.button > 1) return;
    if (event.pointerType === "pen") this.dropTouches(); // a palm that lay down before the pen
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    try {
      this.element.setPointerCapture(event.pointerId);
    } catch {
      return; // it is up by now
    }
    const [x, y] = this.at(event);
    this.pointers.set(event.pointerId, { x, y, startX: x, startY: y, type: event.pointerType, moves: false });
    if (this.pointers.size === 1 && this.paints() && event.button === 0) {
      if (this.mode !== "mask") this.hooks.onPaint();
      this.begin(this.toPhoto(x, y));
    } else if (this.pointers.size > 1 && this.live) this.drop(); // the second finger means zoom, not paint
    this.ringAt = [x, y];
    this.showRing();
  }

  dropTouches() {
    for (const [id, pointer] of this.pointers) if (pointer.type === "touch") this.pointers.delete(id);
    if (this.live && !this.pointers.size) this.drop();
  }

  move(event) {
    const pointer = this.pointers.get(event.pointerId);
    const [x, y] = this.at(event);
    if (event.pointerType !== "touch" || pointer) this.ringAt = [x, y];
    if (!pointer) return this.showRing();
    const [dx, dy] = [x - pointer.x, y - pointer.y];
    if (this.pointers.size >= 2) this.pinch(pointer, x, y);
    else if (this.live) {
      const moves = event.getCoalescedEvents?.() ?? [];
      this.extend((moves.length ? moves : [event]).map((move) => this.toPhoto(...this.at(move))));
    } else {
      pointer.moves ||= Math.hypot(x - pointer.startX, y - pointer.startY) > CLICK_PX;
      if (pointer.moves) this.pan(dx, dy);
    }
    pointer.x = x;
    pointer.y = y;
    this.showRing();
  }

  pinch(pointer, x, y) {
    const [one, two] = this.pointers.values();
    const other = one === pointer ? two : one;
    const before = Math.hypot(pointer.x - other.x, pointer.y - other.y);
    const after = Math.hypot(x - other.x, y - other.y);
    this.view.x += (x - pointer.x) / 2;
    this.view.y += (y - pointer.y) / 2;
    if (before > 10) this.zoomTo((this.view.scale * after) / before, (x + other.x) / 2, (y + other.y) / 2);
    for (const each of [one, two]) each.moves = true;
  }

  up(event, name) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    this.pointers.delete(event.pointerId);
    if (this.live) {
      if (name === "pointercancel") this.drop();
      else this.finish();
    } else if (!pointer.moves && name === "pointerup" && event.button === 0 && !this.paints()) {
      this.hooks.onClick(...this.toPhoto(pointer.x, pointer.y));
    }
    if (event.pointerType === "touch") this.ringAt = null;
    for (const other of this.pointers.values()) other.moves = true;
    this.showRing();
  }

  wheel(event) {
    if (!this.size) return;
    event.preventDefault();
    this.bounds = null;
    const unit = event.deltaMode === 1 ? 20 : 1;
    this.zoomTo(this.view.scale * Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), ...this.at(event));
  }

  // Lines.

  begin(point) {
    this.live = { [this.tool === "erase" ? "erase" : "brush"]: [rounded(point)], radius: this.radius };
    this.element.dataset.painting = "true";
    this.drawNew(0);
  }

  extend(points) {
    const line = this.live.brush ?? this.live.erase;
    const from = line.length;
    const least = Math.max(this.radius / 12, 0.5 / this.view.scale);
    for (const point of points) {
      const last = line[line.length - 1];
      if (Math.hypot(point[0] - last[0], point[1] - last[1]) >= least) line.push(rounded(point));
    }
    if (line.length > from) this.drawNew(from);
  }

  drawNew(from) {
    if (this.dirty.has("mask")) return; // all of it is drawn in the next frame
    const context = this.contexts.mask;
    context.save();
    this.place(context);
    context.beginPath();
    context.rect(0, 0, this.size.width, this.size.height);
    context.clip();
    this.drawLine(context, this.live.brush ?? this.live.erase, this.live.radius, Boolean(this.live.erase), from);
    context.restore();
  }

  finish() {
    const step = this.live;
    this.live = null;
    delete this.element.dataset.painting;
    this.hooks.onStroke(step);
    this.showRing();
  }

  drop() {
    this.live = null;
    delete this.element.dataset.painting;
    this.draw("mask");
  }

  // Without a pointer.

  arrow(dx, dy, isFar) {
    if (!this.size) return;
    if (!this.paints()) return this.pan(-dx * (isFar ? 240 : 60), -dy * (isFar ? 240 : 60));
    this.cursor ??= this.toPhoto(this.width / 2, this.height / 2);
    const step = Math.max(this.radius / 2, 6 / this.view.scale) * (isFar ? 5 : 1);
    this.cursor = [
      Math.min(this.size.width, Math.max(0, this.cursor[0] + dx * step)),
      Math.min(this.size.height, Math.max(0, this.cursor[1] + dy * step)),
    ];
    if (this.live) this.extend([this.cursor]);
    const [x, y] = this.toScreen(...this.cursor);
    if (x < 40 || y < 40 || x > this.width - 40 || y > this.height - 40) this.pan(this.width / 2 - x, this.height / 2 - y);
    this.ringAt = this.toScreen(...this.cursor);
    this.showRing();
    this.draw("over");
  }

  /** Put the brush down, or lift it; returns whether it is down. */
  press() {
    if (!this.size || !this.paints()) return false;
    if (this.live) this.finish();
    else {
      this.cursor ??= this.toPhoto(this.width / 2, this.height / 2);
      this.ringAt = this.toScreen(...this.cursor);
      if (this.mode !== "mask") this.hooks.onPaint();
      this.begin(this.cursor);
    }
    this.showRing();
    return Boolean(this.live);
  }
}

const rounded = ([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
