// One photo on the page: its corrections, and keeping the server's copy of them up to date.
//
// The corrections are a list of steps that lives here; the server gets all of it after every change and rasterises it at
// full resolution. So undoing is leaving out the last one, and a server that was started anew is told everything again.

import { bitmap, call, Gone, json, pause, ServerError } from "/static/api.js";

const POLL_MS = 150;
const SLOW_POLL_MS = 500;
const MOST_SHOWN_AT_ONCE = 40 * 2 ** 20; // bytes of a file that the browser decodes by itself
const PREVIEW_SIDE = 2048; // as the server's

let stepNumber = 0;

export class Photo {
  /** `hooks`: onState(), onPhoto(bitmap, width, height), onMask and onResult(bitmap, version), onError(error). */
  constructor(id, name, file, hooks) {
    this.id = id;
    this.name = name;
    this.file = file; // null for one of the folder
    this.hooks = hooks;
    this.steps = [];
    this.undone = [];
    this.masks = new Map();
    this.drawn = new Set(); // numbers of the steps that the mask's picture holds
    this.state = null;
    this.maskVersion = 0;
    this.shownResult = 0;
    this.turn = 0; // how much was asked of the server and answered
    this.phase = "";
    this.isOpen = true;
    this.isSaved = true;
  }

  path(rest = "") {
    return `/api/photos/${this.id}${rest}`;
  }

  /** Name and time of the file, which the record in the result tells of. */
  get told() {
    return new URLSearchParams({ name: this.name, time: Math.floor(this.file.lastModified / 1000) });
  }

  close() {
    this.isOpen = false;
  }

  /** Send the photo, or ask for it where it is in the folder, and show it. */
  async open() {
    this.phase = this.file ? "sending" : "opening";
    this.hooks.onState();
    this.showAtOnce();
    await this.tell();
    const shown = await bitmap(this.path("/preview/photo"));
    if (!this.isOpen) return;
    this.isShown = true;
    this.hooks.onPhoto(shown, this.state.width, this.state.height);
    await this.watch();
  }

  /** Show the file as the browser decodes it, until the server's picture is there. */
  async showAtOnce() {
    if (!this.file || this.file.size > MOST_SHOWN_AT_ONCE) return;
    try {
      const whole = await createImageBitmap(this.file);
      const { width, height } = whole;
      const factor = Math.min(1, PREVIEW_SIDE / Math.max(width, height));
      const size = { resizeWidth: Math.round(width * factor), resizeHeight: Math.round(height * factor) };
      const shown = await createImageBitmap(whole, { ...size, resizeQuality: "medium" });
      whole.close();
      if (this.isOpen && !this.isShown) this.hooks.onPhoto(shown, width, height);
    } catch {
      // TIFF, or no picture: the server says which
    }
  }

  /** Bring a server that does not know the photo (any more) to where this page is. */
  async tell() {
    const before = this.state;
    if (this.file) this.state = await json("PUT", this.path(`?${this.told}`), this.file);
    else {
      this.state = await json("GET", this.path());
      if (!this.state.found && !this.state.job) this.state = await json("POST", this.path("/find"), {});
    }
    this.phase = "";
    this.revision = this.state.revision;
    for (const [name, file] of this.masks) if (!this.state.masks.includes(name)) await call("PUT", this.path(`/masks/${name}`), file);
    if (before?.found && !this.state.found) await this.research(before.found);
    if (this.steps.length || this.state.revision) await this.sync(true);
  }

  /** Search again with the options of an earlier search, and call its regions by their new numbers. */
  async research({ scope, grow_px, number }) {
    this.state = await json("POST", this.path("/find"), { scope, grow_px });
    while (this.state.job?.kind === "find") {
      await pause(POLL_MS);
      this.state = await json("GET", this.path());
    }
    const now = this.state.found?.number;
    for (const step of this.steps) {
      for (const kind of ["take", "leave"]) {
        if (step[kind]?.startsWith(`${number}.`)) step[kind] = step[kind].replace(/^\d+/, now);
      }
    }
  }

  // Corrections.

  add(step) {
    this.steps.push({ ...step, number: ++stepNumber });
    this.undone = [];
    this.changed();
  }

  undo() {
    if (this.steps.length) this.undone.push(this.steps.pop());
    this.changed();
  }

  redo() {
    if (this.undone.length) this.steps.push(this.undone.pop());
    this.changed();
  }

  changed() {
    this.isSaved = false;
    this.hooks.onState();
    if (!this.state) return; // sent when the photo is
    this.sync().catch((error) => this.failed(error));
  }

  get pending() {
    return this.steps.filter((step) => !this.drawn.has(step.number));
  }

  /** Whether a region is in the mask, by the last step that says so. */
  isTaken(region) {
    let taken = !region.is_doubtful;
    for (const step of this.steps) {
      if (step.take === region.name) taken = true;
      else if (step.leave === region.name || step.clear || step.mask) taken = false;
      else if (step.found) taken = !region.is_doubtful;
    }
    return taken;
  }

  /** Send the steps and fetch the mask that they make; one at a time, and the last state wins. */
  async sync(again = false) {
    this.wanted = (this.wanted ?? 0) + 1;
    if (this.syncing && !again) return this.syncing;
    const run = async () => {
      for (;;) {
        const turn = this.wanted;
        const steps = [...this.steps];
        const sent = steps.map(({ number, ...step }) => step);
        const { revision } = await json("PUT", this.path("/strokes"), { steps: sent });
        this.revision = revision;
        if (!this.isOpen) return;
        const shown = await bitmap(this.path("/preview/mask"));
        if (!this.isOpen) return;
        this.drawn = new Set(steps.map((step) => step.number));
        this.hooks.onMask(shown, ++this.maskVersion);
        if (turn === this.wanted) break;
      }
    };
    this.syncing = run().finally(() => (this.syncing = null));
    return this.syncing;
  }

  async addMask(name, file) {
    await call("PUT", this.path(`/masks/${name}`), file);
    this.masks.set(name, file);
    this.add({ mask: name });
  }

  // Searches and repairs.

  async find(options) {
    await this.ask("/find", options);
    await this.watch();
  }

  async repair(options) {
    await this.syncing;
    await this.ask("/repair", options);
    await this.watch();
  }

  /** Have something done. What the server said of the photo before that, and comes later, is no longer true. */
  async ask(what, options) {
    this.turn++;
    const state = await json("POST", this.path(what), options);
    this.turn++;
    this.state = state;
  }

  get isOutdated() {
    const result = this.state?.result;
    return Boolean(result) && (result.revision !== this.revision || result.found !== (this.state.found?.number ?? 0));
  }

  /** Follow what the server does for this photo, until it does nothing more. */
  async watch() {
    if (this.watching) return this.watching;
    this.watching = this.follow().finally(() => (this.watching = null));
    return this.watching;
  }

  /** Whether the server does nothing for this photo, and all that it did is shown. */
  get isSettled() {
    const { found, result, job, error } = this.state;
    const isShown = (found?.number ?? 0) === this.shownFound && (!result || result.number === this.shownResult);
    return isShown && !job && (!result || result.is_written || Boolean(error));
  }

  async follow() {
    for (let round = 0; this.isOpen; round++) {
      const { found, result } = this.state;
      this.hooks.onState();
      if ((found?.number ?? 0) !== this.shownFound) {
        this.shownFound = found?.number ?? 0;
        const shown = await bitmap(this.path("/preview/mask"));
        if (!this.isOpen) return;
        this.hooks.onMask(shown, ++this.maskVersion);
        this.hooks.onState();
      }
      if (result && result.number !== this.shownResult) {
        const shown = await bitmap(this.path("/preview/result"));
        if (!this.isOpen) return;
        this.shownResult = result.number;
        this.hooks.onResult(shown, result.number);
      }
      if (this.isSettled) break;
      await pause(round < 20 ? POLL_MS : SLOW_POLL_MS);
      const turn = this.turn;
      const state = await json("GET", this.path());
      if (turn === this.turn) this.state = state;
    }
    if (this.isOpen) this.hooks.onState();
  }

  /** Something went wrong: a photo that the server forgot is sent again, else it is said. */
  failed(error) {
    if (error instanceof Gone || !this.isOpen) return;
    if (error instanceof ServerError && error.code === "no_photo" && !this.isTold) {
      this.isTold = true;
      this.recover().finally(() => (this.isTold = false));
    } else this.hooks.onError(error);
  }

  async recover() {
    try {
      this.shownFound = -1;
      this.shownResult = 0;
      await this.tell();
      await this.watch();
    } catch (error) {
      if (!(error instanceof Gone)) this.hooks.onError(error);
    }
  }
}
