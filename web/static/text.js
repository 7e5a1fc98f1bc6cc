// What the page says. English sentences are the keys; other languages are found by them, the server's by their codes.

const CHINESE = {
  "Occluder removal": "去除遮挡",
  "Folder": "文件夹",
  "Open a photo": "打开照片",
  "Regions and options": "区域与选项",
  "Help and keys": "帮助与快捷键",
  "The address that the server printed": "服务器显示的地址",
  "Go on": "继续",
  "Close": "关闭",
  "Photos of the folder": "文件夹中的照片",
  "Results written": "已写出的结果",
  "Accept all that is sure": "接受所有确定的",
  "The photo. Arrows move, Enter puts the brush down and lifts it, question mark shows all keys.": "照片。方向键移动，回车落笔和抬笔，问号显示所有快捷键。",
  "Original on the left, repaired on the right": "左边原图，右边修复后",
  "Original": "原图",
  "Repaired": "修复后",
  "Choose or take a photo of a page": "选择或拍摄一张纸页的照片",
  "Drop a photo of a page here": "把一张纸页的照片拖到这里",
  "JPEG, PNG, TIFF, WebP or BMP. It goes to this server and nowhere else, and is forgotten after two hours.": "支持 JPEG、PNG、TIFF、WebP、BMP。照片只传到这台服务器，两小时后删除。",
  "View": "视图",
  "Mask": "遮罩",
  "Compare": "对比",
  "Found": "找到的遮挡",
  "Nothing was found. Paint over what is to go.": "没有找到遮挡。请涂抹要去除的部分。",
  "Clear": "清空",
  "As found": "恢复为找到的",
  "Grow": "扩大",
  "Mask of your own…": "上传自己的遮罩…",
  "Options": "选项",
  "Beside the page": "纸页之外的部分",
  "repair where possible": "可行时修复",
  "leave": "保留",
  "repair, too": "一并修复",
  "Growth of what is found": "找到区域的扩大量",
  "none": "无",
  "as usual": "默认",
  "{n} px": "{n} 像素",
  "What is drawn": "填补内容",
  "paper and lines": "纸张与线条",
  "paper, lines and network": "纸张、线条与网络绘制",
  "network alone": "仅网络绘制",
  "Shadow beside it": "旁边的阴影",
  "lift, unless corrected": "去除（手动修改过时保留）",
  "lift": "去除",
  "Repair": "修复",
  "Accept, next": "接受，下一张",
  "Download photo": "下载照片",
  "Download mask": "下载遮罩",
  "Tools": "工具",
  "Move (m)": "移动 (m)",
  "Brush (b)": "画笔 (b)",
  "Eraser (e)": "橡皮 (e)",
  "Size of the brush ([ and ])": "画笔大小（[ 和 ]）",
  "Undo (z)": "撤销 (z)",
  "Redo (Shift+z)": "重做 (Shift+z)",
  "Smaller (-)": "缩小 (-)",
  "Larger (+)": "放大 (+)",
  "All of it (0)": "显示全部 (0)",
  "Zoom": "缩放",
  "Drop it here": "松开即可",
  "Keys": "快捷键",
  "brush, eraser, move": "画笔、橡皮、移动",
  "smaller and larger brush": "缩小、放大画笔",
  "undo, redo": "撤销、重做",
  "hold: the original": "按住：显示原图",
  "hold: move with any tool": "按住：任何工具下移动",
  "larger, smaller, all of it, pixel by pixel": "放大、缩小、全部、原始像素",
  "with the photo focused: move the brush, put it down and lift it": "焦点在照片上时：移动画笔，落笔和抬笔",
  "repair, compare, download": "修复、对比、下载",
  "folder: next, previous, accept": "文件夹：下一张、上一张、接受",
  "this list": "此列表",
  "What is red will be repainted. Click a region to leave it alone, and what is outlined to take it. Two fingers zoom and move.": "红色部分会被重绘。点击区域可保留它，点击虚线框可选入。双指缩放和移动。",
  "Region {n}": "区域 {n}",
  "In doubt {n}": "存疑 {n}",
  "Region {n}, {p} sure, will be repainted": "区域 {n}，把握 {p}，将被重绘",
  "Region {n}, {p} sure, is left alone": "区域 {n}，把握 {p}，保留不动",
  "Sending …": "正在上传…",
  "Looking for what covers the page …": "正在寻找遮挡…",
  "Repairing …": "正在修复…",
  "Writing the file …": "正在写文件…",
  "Waiting, {n} before it …": "排队中，前面还有 {n} 个…",
  "{n} waiting": "排队 {n}",
  "{p} of the photo was repainted.": "照片的 {p} 被重绘。",
  "{p} of the photo was repainted; the mask has changed since.": "照片的 {p} 被重绘；此后遮罩有改动。",
  "Nothing was to be repainted: the photo stays as it is.": "没有需要重绘的内容：照片保持原样。",
  "Left out, for it may show what was removed: {what}.": "已略去（可能显示被去除的内容）：{what}。",
  "{done} of {all} done": "已完成 {done} / {all}",
  "needs a look: {n}": "需要查看：{n}",
  "not looked at yet: {n}": "还未检查：{n}",
  "needs a look": "需要查看",
  "failed": "失败",
  "sure": "确定",
  "nothing found": "没有遮挡",
  "not looked at yet": "还未检查",
  "done": "已完成",
  "being written": "正在写出",
  "The server does not answer. Your work is kept on this page, and goes on by itself when the server is back.": "服务器没有响应。您的工作保留在本页，服务器恢复后会自动继续。",
  "The server was started anew. Paste the address that it printed; your work on this page is kept.": "服务器已重新启动。请粘贴它显示的新地址；本页的工作会保留。",
  "This address lacks its token. Paste the whole address that the server printed.": "地址中缺少令牌。请粘贴服务器显示的完整地址。",
  "The server is back.": "服务器已恢复。",
  "“{name}” is larger than {mb} MB, the limit here.": "“{name}” 超过了 {mb} MB 的上限。",
  "Undone: nothing is left to undo.": "没有可撤销的操作。",
  "Brush down.": "落笔。",
  "Brush lifted.": "抬笔。",
  "There are corrections on this page that were not downloaded.": "本页有尚未下载的修改。",
};

// Sentences of the server, by code.
const CHINESE_CODES = {
  too_many_bytes: "文件太大，超过了上限。",
  too_many_pixels: "图片像素太多，超过了上限。",
  not_a_photo: "这不是可以读取的照片（支持 JPEG、PNG、TIFF、WebP、BMP），或文件已损坏。",
  empty: "文件是空的。",
  no_mask: "这不是遮罩：应为黑底，需要修复处为白色。",
  mask_size: "遮罩与照片的尺寸不同。",
  store_full: "服务器存储已满，请几分钟后再试。",
  too_many: "正在处理的照片太多，请一分钟后再试。",
  too_many_uploads: "上传太多，请稍后再试。",
  too_slow: "上传中断，请重新发送。",
  gone: "连接中断，请重新发送。",
  no_memory: "内存不足，无法处理这张照片。",
  no_photo: "照片已不在服务器上。",
};

export const isChinese = (navigator.languages ?? [navigator.language]).find((l) => /^(zh|en)/i.test(l))?.toLowerCase().startsWith("zh") ?? false;

/** A sentence in the reader's language, with `{name}` replaced by `values.name`. */
export function t(sentence, values = {}) {
  const text = (isChinese && CHINESE[sentence]) || sentence;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** What the server said, in the reader's language. */
export function said(error) {
  return (isChinese && CHINESE_CODES[error.code]) || error.message;
}

/** A share of 1 in per cent. */
export function percent(share) {
  const digits = share > 0 && share < 0.01 ? 2 : share < 0.1 ? 1 : 0;
  return new Intl.NumberFormat(isChinese ? "zh" : "en", { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** Translate what stands in the HTML. */
export function translatePage() {
  document.documentElement.lang = isChinese ? "zh-CN" : "en";
  document.title = t(document.title);
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.textContent.trim());
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", t(element.dataset.label));
    if (element.matches("button, input")) element.title = t(element.dataset.label);
  }
}
