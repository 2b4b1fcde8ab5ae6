/* Small helpers for the page's elements. */

export const $ = (id) => document.getElementById(id);

/* An element with attributes, properties (as .name) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith(".")) element[name.slice(1)] = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), use = document.createElementNS(svg.namespaceURI, "use");
  svg.setAttribute("class", "icon");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

const NAMES = { brush: "Your own brush", until_psnr: "Until PSNR", ot: "Optimal transport", style_image: "Style picture", then: "Then this picture", shares: "Shares of strokes", fps: "Frames a second",
  gif_side: "Largest side", max_bytes: "Largest file", svg: "SVG", webp: "WebP", width_mm: "Width on paper" };

/* An option's name for people. */
export const words = (name) => NAMES[name] || name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

/* An option's help for people, who see no command line. */
export const help = (text) => text.replace(/--([a-z-]+)/g, (_, name) => `“${words(name.replaceAll("-", "_"))}”`);

export const pressed = (button, on) => button.setAttribute("aria-pressed", String(on));

let fading;
/* A line that goes away by itself. */
export function toast(text, seconds = 6) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { $("toast").hidden = true; }, seconds * 1000);
}
