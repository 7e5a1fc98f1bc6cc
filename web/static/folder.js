// The list of the folder's photos: those that need a look first, then what waits for nothing but a click.

import { bitmap, json } from "/static/api.js";
import { t } from "/static/text.js";

const ORDER = ["look", "failed", "waiting", "sure", "clean", "done"];
const BUSY_MS = 900;
const IDLE_MS = 6000;
const THUMB = 112;

const $ = (id) => document.getElementById(id);
const WORDS = {
  look: "needs a look",
  failed: "failed",
  sure: "sure",
  clean: "nothing found",
  waiting: "not looked at yet",
  done: "done",
};

export class Folder {
  /** `hooks`: onOpen(photo), onError(error). */
  constructor(hooks) {
    this.hooks = hooks;
    this.photos = [];
    this.rows = new Map();
    this.current = null;
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.loadThumbnail(entry.target.closest("li"));
    });
    $("accept-sure").addEventListener("click", () => this.accept({ sure: true }));
  }

  async start() {
    this.show(await json("POST", "/api/folder/find", {}));
    this.poll();
  }

  poll() {
    clearTimeout(this.timer);
    const isBusy = this.photos.some((photo) => photo.queued);
    this.timer = setTimeout(() => this.refresh(), isBusy ? BUSY_MS : IDLE_MS);
  }

  async refresh() {
    try {
      this.show(await json("GET", "/api/folder"));
    } catch {
      // the page says so elsewhere, and the next poll tries again
    }
    this.poll();
  }

  async accept(what) {
    try {
      await json("POST", "/api/folder/accept", what);
      await this.refresh();
    } catch (error) {
      this.hooks.onError(error);
    }
  }

  /** The photo to look at after the current one: the next in order that is not done. */
  next(by = 1) {
    const index = this.photos.findIndex((photo) => photo.id === this.current);
    const order = by > 0 ? [...this.photos.slice(index + 1), ...this.photos.slice(0, Math.max(0, index))] : this.photos.slice(0, Math.max(0, index)).reverse();
    return (by > 0 ? order.find((photo) => photo.status !== "done" && photo.queued !== "save") : undefined) ?? order[0];
  }

  show({ photos }) {
    const count = (status) => photos.filter((photo) => photo.status === status).length;
    const rank = new Map(ORDER.map((status, index) => [status, index]));
    // stable: within a status the order of the names stays
    this.photos = [...photos].sort((one, other) => rank.get(one.status) - rank.get(other.status));
    const [done, look, waiting, sure] = [count("done"), count("look"), count("waiting"), count("sure") + count("clean")];
    const parts = [t("{done} of {all} done", { done, all: photos.length })];
    if (look) parts.push(t("needs a look: {n}", { n: look }));
    if (waiting) parts.push(t("not looked at yet: {n}", { n: waiting }));
    const text = parts.join(" · ");
    if ($("progress-text").textContent !== text) $("progress-text").textContent = text;
    $("progress").max = Math.max(1, photos.length);
    $("progress").value = done;
    $("accept-sure").disabled = !sure;
    $("accept-sure").textContent = `${t("Accept all that is sure")}${sure ? ` (${sure})` : ""}`;
    const list = $("photos");
    this.photos.forEach((photo, index) => {
      const row = this.row(photo);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    const ids = new Set(photos.map((photo) => photo.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) this.drop(id, row);
  }

  drop(id, row) {
    row.remove();
    this.rows.delete(id);
  }

  row(photo) {
    let row = this.rows.get(photo.id);
    if (!row) {
      row = document.createElement("li");
      row.innerHTML = '<button><canvas></canvas><span class="text"><span class="title"></span><span class="state"></span></span></button>';
      row.querySelector(".title").textContent = photo.name;
      row.firstChild.addEventListener("click", () => this.hooks.onOpen(this.photos.find((p) => p.id === photo.id) ?? photo));
      row.dataset.id = photo.id;
      this.rows.set(photo.id, row);
      this.seen.observe(row.querySelector("canvas"));
    }
    const words = photo.queued === "save" ? t("being written") : t(WORDS[photo.status]);
    row.querySelector(".state").textContent = photo.note ? `${words}: ${photo.note}` : words;
    row.firstChild.title = photo.note || photo.name;
    row.dataset.status = photo.status;
    row.firstChild.setAttribute("aria-current", String(photo.id === this.current));
    if (row.dataset.thumbnail !== String(photo.thumbnail)) {
      row.dataset.thumbnail = photo.thumbnail;
      row.dataset.loaded = "";
      if (photo.thumbnail) {
        this.seen.unobserve(row.querySelector("canvas"));
        this.seen.observe(row.querySelector("canvas"));
      }
    }
    return row;
  }

  async loadThumbnail(row) {
    const wanted = row.dataset.thumbnail;
    if (wanted === "0" || row.dataset.loaded === wanted) return;
    row.dataset.loaded = wanted;
    try {
      const picture = await bitmap(`/api/photos/${row.dataset.id}/thumbnail`);
      const canvas = row.querySelector("canvas");
      canvas.width = canvas.height = THUMB;
      const scale = Math.max(THUMB / picture.width, THUMB / picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      canvas.getContext("2d").drawImage(picture, (THUMB - width) / 2, (THUMB - height) / 2, width, height);
      picture.close();
    } catch {
      row.dataset.loaded = "";
    }
  }

  select(id) {
    this.current = id;
    for (const [other, row] of this.rows) row.firstChild.setAttribute("aria-current", String(other === id));
    this.rows.get(id)?.scrollIntoView({ block: "nearest" });
  }
}
