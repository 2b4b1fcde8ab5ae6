/* The form of a painting's options. Which there are, their bounds and their help come from the server. */
import { $, help, icon, make, pressed, words } from "./dom.js";
import { upload } from "./api.js";

const BRUSHES = { oilpaintbrush: "Oil", watercolor: "Watercolour", markerpen: "Marker", rectangle: "Tape" };
const SIZES = [256, 512, 768, 1024, 1536, 2048];
const SLIDER = { strokes: [20, 5000] }; // a slider on a logarithmic scale, beside a number for what is beyond it
const MAIN = ["strokes", "size", "palette", "relief", "texture", "seed"];
const SHOWN_ELSEWHERE = ["style", ...MAIN];
const MAX_SEED = 2 ** 31 - 1;

export class Settings {
  constructor(options, onchange) {
    this.options = options;
    this.onchange = onchange;
    this.forms = Object.fromEntries(options.paint.map((form) => [form.name, form]));
    this.fields = {}; // by name: {get, set}; get returns undefined for the default
    this.files = {}; // ids of uploads, by name
    this._brushes();
    for (const name of MAIN) $("main-options").append(this._main(this.forms[name]));
    for (const form of options.paint) {
      if (!SHOWN_ELSEWHERE.includes(form.name)) $("more-options").append(this._field(form));
    }
    this._presets();
    $("settings").addEventListener("submit", (event) => event.preventDefault());
    $("settings").addEventListener("change", () => this._changed());
    this.set(JSON.parse(localStorage.getItem("settings") || "{}"));
  }

  /* The options that differ from their defaults. */
  get values() {
    const found = {};
    for (const [name, field] of Object.entries(this.fields)) {
      const value = field.get();
      if (value !== undefined && value !== "" && value !== this.forms[name].default) found[name] = value;
    }
    if (!("then" in this.files)) delete found.shares; // of nothing
    return found;
  }

  set(values) {
    for (const [name, field] of Object.entries(this.fields)) field.set(values[name] ?? this.forms[name].default);
    if (Object.keys(values).some((name) => !SHOWN_ELSEWHERE.includes(name))) $("more").open = true;
    this._changed();
  }

  _changed() {
    localStorage.setItem("settings", JSON.stringify(this.values));
    const { values } = this;
    for (const button of $("presets").children) {
      const { about, ...settings } = this.options.presets[button.dataset.name];
      const same = button.dataset.name === "plain" ? Object.keys(values).every((name) => name === "size" || name === "seed")
        : Object.entries(settings).every(([name, value]) => (values[name] ?? this.forms[name].default) === value);
      pressed(button, same);
    }
    this.onchange();
  }

  _presets() {
    for (const [name, { about, ...settings }] of Object.entries(this.options.presets)) {
      const picture = make("img", { src: `/static/preset-${name}.webp`, alt: "" });
      const button = make("button", { type: "button", title: about, "data-name": name, "aria-pressed": "false",
        onclick: () => this.set({ size: this.values.size, ...settings }) }, picture, make("span", {}, name === "popart" ? "pop art" : name));
      $("presets").append(button);
    }
    const plain = make("button", { type: "button", title: "Forget all settings", onclick: () => this.set({}) },
      make("img", { src: "/static/brush-oilpaintbrush.webp", alt: "" }), make("span", {}, "plain"));
    plain.dataset.name = "plain";
    this.options.presets.plain = { about: "" };
    $("presets").prepend(plain);
  }

  _brushes() {
    const radios = this.forms.style.choices.map((style) => make("input", { type: "radio", name: "style", value: style }));
    radios.forEach((radio) => $("styles").append(make("label", {}, radio,
      make("img", { src: `/static/brush-${radio.value}.webp`, alt: "" }), make("span", {}, BRUSHES[radio.value] || words(radio.value)))));
    this.fields.style = {
      get: () => radios.find((radio) => radio.checked)?.value,
      set: (value) => radios.forEach((radio) => { radio.checked = radio.value === value; }),
    };
  }

  _main(form) {
    if (form.name === "palette") return this._palette(form);
    if (form.name === "size") return this._size(form);
    if (form.name === "seed") return this._seed(form);
    const [low, high] = SLIDER[form.name] || [form.low, form.high], log = form.name in SLIDER;
    const most = this.options.limits[form.name] ?? form.high;
    const slider = make("input", { type: "range", min: 0, max: 1000, "aria-label": words(form.name) });
    const number = make("input", { type: form.names ? "text" : "number", inputmode: "numeric", id: `o-${form.name}`, min: form.low, max: most, step: log ? 1 : 0.05 });
    const toSlider = (value) => 1000 * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const toValue = (part) => (log ? rounded(low * (high / low) ** (part / 1000)) : Math.round((low + (high - low) * part / 1000) * 100) / 100);
    slider.addEventListener("input", () => { number.value = toValue(+slider.value); });
    number.addEventListener("input", () => { slider.value = toSlider(+number.value || low); });
    this.fields[form.name] = {
      get: () => read(number.value, form),
      set: (value) => { number.value = value; slider.value = toSlider(+value || low); },
    };
    return make("div", { class: "field" }, make("label", { for: number.id, title: help(form.help) }, words(form.name)),
      make("div", { class: "pair" }, slider, number));
  }

  _size(form) {
    const select = make("select", { id: "o-size" });
    const sizes = SIZES.filter((size) => size <= this.options.limits.size);
    const fill = (extra) => select.replaceChildren(...[...new Set([...sizes, extra])].sort((a, b) => a - b)
      .map((size) => make("option", { value: size }, `${size} px`)));
    this.fields.size = { get: () => +select.value, set: (value) => { fill(+value); select.value = value; } };
    return make("div", { class: "field" }, make("label", { for: "o-size", title: help(form.help) }, "Size"), select);
  }

  _seed(form) {
    const number = make("input", { type: "number", id: "o-seed", min: 0, max: MAX_SEED });
    const dice = make("button", { type: "button", class: "only-icon", title: "Another seed", "aria-label": "Another seed",
      onclick: () => { number.value = Math.floor(Math.random() * 10000); this._changed(); } }, icon("dice"));
    this.fields.seed = { get: () => read(number.value, form), set: (value) => { number.value = value; } };
    return make("div", { class: "field" }, make("label", { for: "o-seed", title: help(form.help) }, "Seed"), make("div", { class: "with" }, number, dice));
  }

  /* All colours, so many chosen from the picture, or these. */
  _palette(form) {
    const modes = { all: "All colours", few: "A few", these: "These" }, swatches = make("div", { class: "swatches" });
    const count = make("input", { type: "number", min: 2, max: 256, value: 6, "aria-label": "How many colours are chosen from the picture" });
    let mode = "all", colors = ["#1d1d1f", "#b4472a", "#e8c170", "#f6f4ee"], file = null;
    const buttons = Object.entries(modes).map(([name, text]) => make("button", { type: "button", onclick: () => { mode = name; show(); this._changed(); } }, text));
    const show = () => {
      buttons.forEach((button, k) => pressed(button, Object.keys(modes)[k] === mode));
      count.hidden = mode !== "few";
      swatches.hidden = mode !== "these";
      swatches.replaceChildren(...colors.map((color, k) => make("input", { type: "color", value: color, title: "Double click takes it away", "aria-label": `Colour ${k + 1}`,
        oninput: (event) => { colors[k] = event.target.value; }, ondblclick: () => { if (colors.length > 1) { colors.splice(k, 1); show(); this._changed(); } } })),
      make("button", { type: "button", "aria-label": "Add a colour", onclick: () => { colors.push("#808080"); show(); this._changed(); } }, icon("add")),
      make("button", { type: "button", "aria-label": "Take the last colour away", disabled: colors.length < 2, onclick: () => { colors.pop(); show(); this._changed(); } }, icon("close")));
    };
    this.fields.palette = {
      get: () => ({ all: undefined, few: String(count.value), these: colors.join(",") })[mode],
      set: (value) => {
        const text = value === null || value === undefined ? "" : String(value);
        mode = text === "" ? "all" : text.startsWith("#") ? "these" : "few";
        if (mode === "these") colors = text.split(",").map((color) => color.trim());
        if (mode === "few") count.value = text;
        show();
      },
    };
    return make("div", { class: "field" }, make("span", { class: "label", title: help(form.help) }, "Palette"),
      make("div", { class: "seg", role: "group", "aria-label": "Palette" }, ...buttons), count, swatches);
  }

  _field(form) {
    const id = `o-${form.name}`, more = make("small", {}, help(form.help));
    if (form.type === "switch") return optionField(form, this.fields, id);
    if (form.type === "file" && !form.names) return this._file(form, more);
    return make("div", { class: "field" }, make("label", { for: id }, words(form.name)), control(form, this.fields, id, this.options.limits[form.name]), more);
  }

  _file(form, more) {
    const input = make("input", { type: "file", hidden: true, accept: "image/*", "aria-label": words(form.name) });
    const text = make("span", {}, "Choose…"), button = make("button", { type: "button", onclick: () => input.click() }, icon("picture"), text);
    const away = make("button", { type: "button", class: "only-icon quiet", "aria-label": `No ${words(form.name)}`, hidden: true,
      onclick: () => { delete this.files[form.name]; show(); this._changed(); } }, icon("close"));
    const show = (name) => { text.textContent = name || "Choose…"; away.hidden = !(form.name in this.files); };
    input.addEventListener("change", async () => {
      if (!input.files.length) return;
      try {
        const taken = await upload("/api/pictures", input.files[0]);
        this.files[form.name] = taken.id;
        show(taken.name);
      } catch (error) { this.onerror(error.message); }
      input.value = "";
    });
    return make("div", { class: "field" }, make("span", { class: "label" }, words(form.name)), make("div", { class: "with" }, button, away, input), more);
  }
}

/* A switch with its label. */
export function optionField(form, fields, id) {
  const input = make("input", { type: "checkbox", id });
  fields[form.name] = { get: () => input.checked, set: (value) => { input.checked = Boolean(value); } };
  return make("div", { class: "field switch" }, input, make("label", { for: id }, `${words(form.name)}: ${help(form.help)}`));
}

/* The control of an option of any other type. */
export function control(form, fields, id, most) {
  if (form.type === "choice" && !form.names) {
    const select = make("select", { id }, ...form.choices.map((choice) => make("option", { value: choice }, String(choice))));
    const wanted = (text) => form.choices.find((choice) => String(choice) === text);
    fields[form.name] = { get: () => wanted(select.value), set: (value) => { select.value = value; } };
    return select;
  }
  if (form.type === "choice" || form.type === "file") { // of names only: files come by other ways
    const select = make("select", { id }, ...[...form.names, ...(form.choices || [])].map((name) => make("option", { value: name }, name)));
    fields[form.name] = { get: () => select.value, set: (value) => { select.value = value; } };
    return select;
  }
  const plain = form.type === "integer" || form.type === "number";
  const input = make("input", { id, type: plain && !form.names ? "number" : "text", min: form.low, max: most ?? form.high, step: form.type === "integer" ? 1 : "any",
    placeholder: form.default ?? (form.names ? form.names.join(", ") : "") });
  if (form.type === "color") input.setAttribute("list", `${id}-names`);
  fields[form.name] = { get: () => read(input.value, form), set: (value) => { input.value = value === null || value === form.default ? "" : value; } };
  if (form.type !== "color") return input;
  return make("div", {}, input, make("datalist", { id: `${id}-names` }, ...form.names.map((name) => make("option", { value: name }))));
}

/* What a field's text means; undefined for nothing. */
function read(text, form) {
  const trimmed = String(text).trim();
  if (trimmed === "") return undefined;
  if ((form.type === "integer" || form.type === "number") && !Number.isNaN(Number(trimmed))) return Number(trimmed);
  return trimmed;
}

const rounded = (value) => {
  const step = value < 100 ? 5 : value < 500 ? 10 : value < 1000 ? 50 : 100;
  return Math.round(value / step) * step;
};
