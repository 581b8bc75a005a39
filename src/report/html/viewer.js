"use strict";
/* Three linked planes on plain canvases: no WebGL, no library, no request; works from file://. */
(() => {
  const holder = document.getElementById("palettes");
  if (!holder) return;
  const palettes = Object.fromEntries(Object.entries(JSON.parse(holder.textContent)).map(([name, text]) =>
    [name, Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16))]));
  // Blue below zero, orange above, grey at zero: told apart by color-blind readers.
  const diverging = (share) => {
    const ends = share < 0 ? [40, 120, 210] : [236, 122, 28];
    const weight = Math.min(1, Math.abs(share));
    return ends.map((end) => 60 + (end - 60) * weight);
  };

  const inflate = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const unpack = async (scan) => {
    const { shape, lesion, layers } = scan.volumes;
    const count = shape[0] * shape[1] * shape[2];
    const bits = await inflate(lesion);
    const unpacked = [];
    for (const layer of layers) {
      const bytes = await inflate(layer.codes);
      const codes = layer.bits === 8 ? bytes : Uint16Array.from({ length: count }, (_, i) => bytes[i] | (bytes[count + i] << 8));
      // As many decimals as the codes have, but no more than two, or three digits of the bar's end where it is small.
      const exact = Math.max(0, Math.ceil(-Math.log10(layer.step) - 1e-9));
      const digits = Math.min(exact, Math.max(2, 2 - Math.floor(Math.log10(layer.range[1] > 0 ? layer.range[1] : 1))));
      const told = digits < exact ? Number((10 ** -digits).toFixed(digits)) : layer.step;
      unpacked.push({ ...layer, codes, last: layer.bits === 8 ? 255 : 65535, digits, told });
    }
    return { label: scan.label, ...scan.volumes, layers: unpacked, inside: (i) => (bits[i >> 3] >> (i & 7)) & 1 };
  };

  /* Which axes a plane shows: across, up, through. */
  const PLANES = {
    axial: { name: "Axial", across: 0, up: 1, through: 2, ends: ["A", "P"] },
    coronal: { name: "Coronal", across: 0, up: 2, through: 1, ends: ["S", "I"] },
    sagittal: { name: "Sagittal", across: 1, up: 2, through: 0, ends: ["S", "I"] },
  };
  const AXES = ["x", "y", "z"];
  const minus = (text) => text.replace("-", "\u2212");

  const start = async (root, section) => {
    const scans = [];
    for (const scan of JSON.parse(section.querySelector("script").textContent)) scans.push(await unpack(scan));
    const box = scans[scans.length - 1];
    const control = (name) => root.querySelector(`[data-control=${name}]`);
    const sets = { now: root.querySelector("[data-set=now]"), then: root.querySelector("[data-set=then]") };
    const table = root.querySelector("table.at");
    const status = root.querySelector("[role=status]");
    const anatomy = box.layers.find((layer) => layer.key === "anatomy") || box.layers[0];
    const spread = anatomy.range[1] - anatomy.range[0];
    // The sliders reach from below the darkest value to twice the window.
    const bounds = [Math.min(anatomy.low, anatomy.range[0]), anatomy.range[1] + spread];
    const initial = () => ({
      // Voxel of the box that the crosshair stands on.
      at: box.start.map((mm, k) => Math.max(0, Math.min(box.shape[k] - 1, Math.round((mm - box.origin[k]) / box.spacing_mm)))),
      scan: scans.length - 1, with: Math.max(0, scans.length - 2), mode: "one",
      map: control("map") ? control("map").options[0].value : "",
      opacity: 65, low: anatomy.range[0], high: anatomy.range[1], outline: true, neurological: false, other: false,
    });
    let state = initial();

    const place = (at) => at.map((index, k) => box.origin[k] + index * box.spacing_mm);
    /* The voxel of a scan that holds a place of the box; -1 outside. Boxes of one spacing share their places. */
    const index = (scan, at) => {
      if (scan === box) return at[0] + box.shape[0] * (at[1] + box.shape[1] * at[2]);
      const [x, y, z] = place(at).map((mm, k) => Math.round((mm - scan.origin[k]) / scan.spacing_mm));
      const [nx, ny, nz] = scan.shape;
      return x < 0 || y < 0 || z < 0 || x >= nx || y >= ny || z >= nz ? -1 : x + nx * (y + ny * z);
    };
    const layer = (scan, key) => scan.layers.find((known) => known.key === key);
    /* The same image of another scan: one of another correction, tracer or weighting is another image. */
    const same = (scan, known) => scan.layers.find((other) => known && other.key === known.key && other.title === known.title);
    const chosen = (scan) => same(scan, layer(box, state.map));
    const value = (known, i) => {
      const code = known && i >= 0 ? known.codes[i] : 0;
      return code === 0 ? NaN : known.low + known.step * (code - 1);
    };
    const shown = (known, i) => {
      const number = value(known, i);
      if (Number.isNaN(number)) return "not estimated";
      const text = minus(number.toFixed(known.digits));
      return known.open_end && known.codes[i] === known.last ? `at least ${text}` : text;
    };

    /* Pixels of one plane of one scan, one per voxel of the box: row 0 is up, column 0 is left. */
    const toVoxel = (plane, column, row) => {
      const at = [...state.at];
      const last = (axis) => box.shape[axis] - 1;
      // Patient right on the left unless neurological; a sagittal plane has anterior on the left.
      const mirrored = plane.across === 1 || !state.neurological;
      at[plane.across] = mirrored ? last(plane.across) - column : column;
      at[plane.up] = last(plane.up) - row;
      return at;
    };
    const toPixel = (plane) => {
      const mirrored = plane.across === 1 || !state.neurological;
      const column = state.at[plane.across];
      return [mirrored ? box.shape[plane.across] - 1 - column : column, box.shape[plane.up] - 1 - state.at[plane.up]];
    };
    const paint = (plane, color) => {
      const [width, height] = [box.shape[plane.across], box.shape[plane.up]];
      const canvas = document.createElement("canvas");
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext("2d");
      const image = context.createImageData(width, height);
      for (let row = 0, k = 0; row < height; row += 1) {
        for (let column = 0; column < width; column += 1, k += 4) {
          const rgb = color(toVoxel(plane, column, row));
          if (rgb) [image.data[k], image.data[k + 1], image.data[k + 2], image.data[k + 3]] = [rgb[0], rgb[1], rgb[2], 255];
        }
      }
      context.putImageData(image, 0, 0);
      return canvas;
    };
    const colored = (known, number) => {
      const [low, high] = known.range;
      const level = Math.max(0, Math.min(255, Math.round(((number - low) / (high - low)) * 255)));
      return palettes[known.colors] ? palettes[known.colors].subarray(3 * level, 3 * level + 3) : [level, level, level];
    };
    const reach = (known) => (known.range[1] - known.range[0]) / 2;

    const drawPlane = (canvas, plane, scan, against) => {
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
      if (!width || !height) return;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d");
      const [columns, rows] = [box.shape[plane.across], box.shape[plane.up]];
      const scale = Math.min(width / columns, height / rows);
      const [w, h] = [columns * scale, rows * scale];
      const [left, top] = [(width - w) / 2, (height - h) / 2];
      canvas.dataset.frame = [left / ratio, top / ratio, scale / ratio].join(" ");
      context.fillStyle = "#000";
      context.fillRect(0, 0, width, height);

      const ground = layer(scan, "anatomy");
      if (ground) {
        const grey = paint(plane, (at) => {
          const number = value(ground, index(scan, at));
          if (Number.isNaN(number)) return null;
          const level = Math.max(0, Math.min(255, ((number - state.low) / (state.high - state.low)) * 255));
          return [level, level, level];
        });
        context.imageSmoothingEnabled = true;
        context.imageSmoothingQuality = "high";
        context.drawImage(grey, left, top, w, h);
      }
      const map = chosen(scan);
      if (map && state.opacity > 0) {
        const other = against && same(against, map);
        const overlay = against
          ? paint(plane, (at) => {
              const change = value(map, index(scan, at)) - value(other, index(against, at));
              return Number.isNaN(change) ? null : diverging(change / reach(map));
            })
          : paint(plane, (at) => {
              const number = value(map, index(scan, at));
              return Number.isNaN(number) ? null : colored(map, number);
            });
        // Voxels of a map stay voxels: nothing is interpolated that could be read.
        context.imageSmoothingEnabled = false;
        context.globalAlpha = state.opacity / 100;
        context.drawImage(overlay, left, top, w, h);
        context.globalAlpha = 1;
      }
      if (state.outline) {
        context.beginPath();
        const inside = (column, row) => {
          if (column < 0 || row < 0 || column >= columns || row >= rows) return false;
          const i = index(scan, toVoxel(plane, column, row));
          return i >= 0 && scan.inside(i);
        };
        for (let row = 0; row < rows; row += 1) {
          for (let column = 0; column < columns; column += 1) {
            if (!inside(column, row)) continue;
            const [x, y] = [left + column * scale, top + row * scale];
            const line = (x0, y0, x1, y1) => { context.moveTo(x0, y0); context.lineTo(x1, y1); };
            if (!inside(column - 1, row)) line(x, y, x, y + scale);
            if (!inside(column + 1, row)) line(x + scale, y, x + scale, y + scale);
            if (!inside(column, row - 1)) line(x, y, x + scale, y);
            if (!inside(column, row + 1)) line(x, y + scale, x + scale, y + scale);
          }
        }
        for (const [color, thick] of [["#000000a0", 3.4], ["#fff", 1.5]]) {
          context.strokeStyle = color;
          context.lineWidth = thick * ratio;
          context.stroke();
        }
      }
      const [column, row] = toPixel(plane);
      const [x, y, gap] = [left + (column + 0.5) * scale, top + (row + 0.5) * scale, 8 * ratio];
      context.strokeStyle = "#7fd8ff";
      context.lineWidth = ratio;
      context.beginPath();
      for (const [x0, y0, x1, y1] of [[left, y, x - gap, y], [x + gap, y, left + w, y], [x, top, x, y - gap], [x, y + gap, x, top + h]]) {
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
      }
      context.stroke();
      const sides = plane.across === 1 ? ["A", "P"] : state.neurological ? ["L", "R"] : ["R", "L"];
      context.font = `600 ${12 * ratio}px system-ui, sans-serif`;
      context.lineWidth = 3 * ratio;
      context.strokeStyle = "#000000b0";
      context.fillStyle = "#fff";
      const letter = (text, align, baseline, lx, ly) => {
        [context.textAlign, context.textBaseline] = [align, baseline];
        context.strokeText(text, lx, ly);
        context.fillText(text, lx, ly);
      };
      letter(sides[0], "left", "middle", left + 5 * ratio, top + h / 2);
      letter(sides[1], "right", "middle", left + w - 5 * ratio, top + h / 2);
      letter(plane.ends[0], "center", "top", left + w / 2, top + 4 * ratio);
      letter(plane.ends[1], "center", "bottom", left + w / 2, top + h - 4 * ratio);
      const through = place(state.at)[plane.through];
      const view = plane.across === 1 ? "anterior on the left" : state.neurological ? "patient left on the left" : "patient right on the left";
      canvas.setAttribute("aria-label", `${plane.name} plane of ${scan.label}, ${AXES[plane.through]} ${minus(through.toFixed(1))} mm, ${view}`);
    };

    const readout = (scan, against) => {
      const [x, y, z] = place(state.at).map((mm) => minus(mm.toFixed(1)));
      const columns = against ? [scan, against] : [scan];
      const cell = (name, text, attributes = {}) => {
        const made = document.createElement(name);
        made.textContent = text;
        for (const [key, content] of Object.entries(attributes)) made.setAttribute(key, content);
        return made;
      };
      const line = (...cells) => {
        const made = document.createElement("tr");
        made.append(...cells);
        return made;
      };
      const head = document.createElement("thead");
      head.append(line(
        cell("th", `At x ${x}, y ${y}, z ${z} mm`, { scope: "col" }),
        ...columns.map((known) => cell("th", known.label, { scope: "col", class: "n" })),
        ...(against ? [cell("th", "Difference", { scope: "col", class: "n" })] : []),
        cell("th", "Step", { scope: "col", class: "n" })));
      const body = document.createElement("tbody");
      const spoken = [];
      for (const known of scan.layers) {
        const cells = columns.map((one) => {
          const own = same(one, known);
          const i = index(one, state.at);
          const made = cell("td", "", { class: "n" });
          const data = cell("data", own ? shown(own, i) : "no such image", { value: String(value(own, i)), "data-layer": known.key });
          made.append(data);
          return made;
        });
        if (against) {
          // Of the numbers as they are told, so that the row adds up.
          const told = (number) => Number(number.toFixed(known.digits));
          const change = told(value(known, index(scan, state.at))) - told(value(same(against, known), index(against, state.at)));
          cells.push(cell("td", Number.isNaN(change) ? "\u2013" : (change > 0 ? "+" : "") + minus(change.toFixed(known.digits)), { class: "n" }));
        }
        const unit = known.unit ? ` (${known.unit})` : "";
        body.append(line(cell("th", known.title + unit, { scope: "row" }), ...cells, cell("td", String(known.told), { class: "n" })));
        spoken.push(`${known.title} ${shown(known, index(scan, state.at))}`);
      }
      table.replaceChildren(head, body);
      clearTimeout(readout.timer);
      readout.timer = setTimeout(() => { status.textContent = `x ${x}, y ${y}, z ${z} mm. ${spoken.join(". ")}.`; }, 400);
    };

    const bar = (scan, against) => {
      const strip = root.querySelector(".vbar");
      const map = chosen(scan);
      strip.replaceChildren();
      if (!map) return;
      const color = document.createElement("i");
      const stops = Array.from({ length: 24 }, (_, k) => {
        const share = k / 23;
        const rgb = against ? diverging(2 * share - 1) : colored(map, map.range[0] + share * (map.range[1] - map.range[0]));
        return `rgb(${Math.round(rgb[0])},${Math.round(rgb[1])},${Math.round(rgb[2])})`;
      });
      color.style.background = `linear-gradient(90deg,${stops.join(",")})`;
      const [low, high] = against ? [-reach(map), reach(map)] : map.range;
      const label = (text, share) => {
        const made = document.createElement("u");
        made.textContent = text;
        made.style.left = `${100 * share}%`;
        return made;
      };
      const marks = against ? [0] : map.cutoffs.filter((cutoff) => cutoff > low && cutoff < high);
      const unit = map.unit ? ` ${map.unit}` : "";
      strip.append(color, label(minus(String(low)), 0), label(`${high}${unit}`, 1), ...marks.map((mark) => label(String(mark), (mark - low) / (high - low))));
      for (const mark of marks) {
        const tick = document.createElement("b");
        tick.style.left = `${(100 * (mark - low)) / (high - low)}%`;
        strip.append(tick);
      }
    };

    const draw = () => {
      const compared = scans.length > 1 && state.mode !== "one";
      const scan = scans[state.mode === "flicker" && state.other ? state.with : state.scan];
      const against = compared && state.mode === "difference" ? scans[state.with] : null;
      sets.then.hidden = !(compared && state.mode === "side");
      const sheets = [[sets.now, scan, against]];
      if (!sets.then.hidden) sheets.push([sets.then, scans[state.with], null]);
      root.classList.toggle("two", !sets.then.hidden);
      for (const [set, one, other] of sheets) {
        set.querySelector(".which").textContent = other ? `${one.label} minus ${other.label}` : one.label;
        for (const canvas of set.querySelectorAll("canvas")) drawPlane(canvas, PLANES[canvas.dataset.plane], one, other);
      }
      readout(scans[state.scan], compared ? scans[state.with] : null);
      bar(scan, against);
    };
    let asked = false;
    const redraw = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; draw(); });
    };

    const show = () => {
      const share = (number) => Math.round(((number - bounds[0]) / (bounds[1] - bounds[0])) * 1000);
      control("level").value = share((state.low + state.high) / 2);
      control("window").value = Math.round(((state.high - state.low) / (bounds[1] - bounds[0])) * 1000);
      for (const name of ["scan", "with", "mode", "map", "opacity"]) if (control(name)) control(name).value = state[name];
      for (const name of ["outline", "neurological"]) control(name).setAttribute("aria-pressed", String(state[name]));
      const [level, width] = [(state.low + state.high) / 2, state.high - state.low];
      control("level").setAttribute("aria-valuetext", minus(level.toFixed(anatomy.digits)));
      control("window").setAttribute("aria-valuetext", width.toFixed(anatomy.digits));
      if (control("opacity")) control("opacity").setAttribute("aria-valuetext", `${state.opacity} %`);
      redraw();
    };
    const windowed = (level, width) => {
      const narrow = Math.max(width, anatomy.step);
      [state.low, state.high] = [level - narrow / 2, level + narrow / 2];
      show();
    };

    let timer = 0;
    const flicker = () => {
      clearInterval(timer);
      timer = 0;
      state.other = false;
      if (state.mode !== "flicker") return;
      const pause = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2000 : 700;
      timer = setInterval(() => { state.other = !state.other; redraw(); }, pause);
    };
    const choose = { scan: Number, with: Number, mode: String, map: String, opacity: Number };
    for (const [name, read] of Object.entries(choose)) {
      if (!control(name)) continue;
      control(name).addEventListener("input", (event) => {
        state[name] = read(event.target.value);
        if (name === "scan" && state.with === state.scan) state.with = state.scan === 0 ? 1 : state.scan - 1;
        if (name === "with" && state.with === state.scan) state.scan = state.with === scans.length - 1 ? state.with - 1 : state.with + 1;
        if (name === "with" && state.mode === "one") state.mode = "side";
        flicker();
        show();
      });
    }
    const slid = () => {
      const span = bounds[1] - bounds[0];
      windowed(bounds[0] + (control("level").value / 1000) * span, (control("window").value / 1000) * span);
    };
    control("level").addEventListener("input", slid);
    control("window").addEventListener("input", slid);
    const toggle = (name) => { state[name] = !state[name]; show(); };
    for (const name of ["outline", "neurological"]) control(name).addEventListener("click", () => toggle(name));
    const reset = () => { state = initial(); flicker(); show(); };
    control("reset").addEventListener("click", reset);

    const clamp = () => { state.at = state.at.map((at, k) => Math.max(0, Math.min(box.shape[k] - 1, at))); };
    for (const canvas of root.querySelectorAll("canvas")) {
      const plane = PLANES[canvas.dataset.plane];
      const point = (event) => {
        const around = canvas.getBoundingClientRect();
        const [left, top, scale] = canvas.dataset.frame.split(" ").map(Number);
        const [column, row] = [event.clientX - around.left - left, event.clientY - around.top - top].map((pixel) => Math.floor(pixel / scale));
        state.at = toVoxel(plane, column, row);
        clamp();
        redraw();
      };
      let held = null;
      canvas.addEventListener("contextmenu", (event) => event.preventDefault());
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        canvas.focus({ preventScroll: true });
        if (event.button === 2 || event.shiftKey) held = [event.clientX, event.clientY, (state.low + state.high) / 2, state.high - state.low];
        else point(event);
        event.preventDefault();
      });
      canvas.addEventListener("pointermove", (event) => {
        if (!event.buttons) return;
        if (!held) { point(event); return; }
        const unit = spread / 250;
        windowed(held[2] - (event.clientY - held[1]) * unit, held[3] + (event.clientX - held[0]) * unit);
      });
      canvas.addEventListener("pointerup", () => { held = null; });
      canvas.addEventListener("wheel", (event) => {
        // The page scrolls unless the plane was chosen.
        if (document.activeElement !== canvas) return;
        event.preventDefault();
        state.at[plane.through] += event.deltaY > 0 ? -1 : 1;
        clamp();
        redraw();
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        const modes = { f: "flicker", s: "side", d: "difference" };
        if (steps) {
          const [column, row] = toPixel(plane);
          state.at = toVoxel(plane, column + steps[0], row + steps[1]);
        } else if (event.key === "PageUp" || event.key === "PageDown") state.at[plane.through] += event.key === "PageUp" ? 1 : -1;
        else if (event.key === "Home") state.at = initial().at;
        else if (event.key === "o") toggle("outline");
        else if (event.key === "n") toggle("neurological");
        else if (event.key === "0") reset();
        else if ((event.key === "+" || event.key === "-") && control("opacity")) state.opacity = Math.max(0, Math.min(100, state.opacity + (event.key === "+" ? 5 : -5)));
        else if (modes[event.key] && scans.length > 1) { state.mode = state.mode === modes[event.key] ? "one" : modes[event.key]; flicker(); }
        else return;
        event.preventDefault();
        clamp();
        show();
      });
    }

    root.hidden = false;
    section.querySelector(".keys").hidden = false;
    section.querySelector(".without").hidden = true;
    show();
    new ResizeObserver(redraw).observe(root);
    root.dataset.ready = "yes";
  };

  for (const root of document.querySelectorAll("[data-viewer]")) {
    const section = root.closest("section");
    const words = section.querySelector(".without");
    if (typeof DecompressionStream === "undefined") {
      words.textContent = "This browser cannot unpack the images of the viewer; the pictures above and below stand without it.";
      continue;
    }
    words.textContent = "Unpacking the images…";
    const begin = () => start(root, section).catch(() => {
      words.hidden = false;
      words.textContent = "The images of the viewer could not be unpacked; the pictures above and below stand without it.";
    });
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      begin();
    }, { rootMargin: "600px" }).observe(section);
  }
})();
