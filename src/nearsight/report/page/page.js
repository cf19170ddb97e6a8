"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  document.documentElement.classList.add("scripted");

  let parsed = null;
  // Parsed when first needed: opening the page does not wait for it.
  const data = () => (parsed ??= JSON.parse(document.getElementById("data")?.textContent ?? "{}"));

  const draw = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const write = (tag, className, text) => {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
  const spoken = document.getElementById("spoken");

  // The lens: one tile enlarged, where it lies, and its evidence.

  const lens = document.getElementById("lens");
  let owner = null;
  let leaving = 0;

  const tileOfAtlas = (button) => {
    const tile = data().tiles[button.dataset.tile];
    const [left, top, side, width, height] = tile.box;
    const whole = { href: data().images[tile.image], width, height, preserveAspectRatio: "none" };
    return {
      ...tile,
      close: () => draw("image", { href: button.firstElementChild.src, x: left, y: top, width: side, height: side }),
      around: () => draw("image", whole),
      box: { left, top, side, width, height },
      more: tile.classes > tile.bars.length ? `${tile.bars.length} of ${tile.classes} classes, the largest logits` : "",
    };
  };

  const tileOfMap = (name, { left, top, note, bars }) => {
    const mapped = data().mapped[name];
    const all = data().classes.length;
    const [width, height, side] = mapped.size;
    const picture = () => draw("use", { href: `#${name}-picture` });
    return {
      title: mapped.title,
      label: mapped.label,
      note,
      bars,
      marked: mapped.classes[0],
      // The other classes may reach beyond the maps' scale.
      limit: Math.max(mapped.limit, ...bars.map(([, logit]) => Math.abs(logit))),
      close: picture,
      around: picture,
      box: { left, top, side, width, height },
      unit: mapped.unit,
      more: bars.length && all > bars.length ? `${bars.length} of ${all} classes: ${mapped.which}` : "",
    };
  };

  const deciding = (name, number) => {
    const [left, top, bars] = data().mapped[name].deciding[number];
    return tileOfMap(name, { left, top, bars, note: `deciding tile ${number + 1}` });
  };

  const onMap = (name, row, column) => {
    const { tops, lefts, classes, values } = data().mapped[name];
    const all = classes.map((chosen, i) => [chosen, values[i][row * lefts.length + column]]);
    const bars = all.filter(([, logit]) => logit !== null);
    const where = `tile ${lefts[column]} px from the left, ${tops[row]} px from the top`;
    const note = bars.length ? where : `${where}: blank, so it was skipped`;
    return tileOfMap(name, { left: lefts[column], top: tops[row], bars, note });
  };

  const barOf = (logit, limit) => {
    const bar = draw("svg", { viewBox: "-50 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    const length = Math.min(50, (50 * Math.abs(logit)) / limit);
    const side = logit < 0 ? "against" : "for";
    bar.append(
      draw("rect", { class: side, x: logit < 0 ? -length : 0, y: 1, width: length, height: 8 }),
      draw("path", { class: "zero", d: "M0 0V10" }),
    );
    return bar;
  };

  const fill = (tile) => {
    const { left, top, side, width, height } = tile.box;
    const [close, around] = lens.querySelectorAll("svg");
    close.setAttribute("viewBox", `${left} ${top} ${side} ${side}`);
    close.replaceChildren(tile.close());
    around.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const outline = { x: left, y: top, width: side, height: side };
    around.replaceChildren(
      tile.around(),
      draw("rect", { ...outline, class: "lens-box-halo" }),
      draw("rect", { ...outline, class: "lens-box" }),
    );
    const list = write("ol", "bars", "");
    const limit = tile.limit ?? Math.max(...tile.bars.map(([, logit]) => Math.abs(logit)), 1e-9);
    for (const [chosen, logit] of tile.bars) {
      const item = document.createElement("li");
      const name = write("bdi", chosen === tile.marked ? "bar-name marked" : "bar-name", data().classes[chosen]);
      item.append(name, barOf(logit, limit), write("span", "bar-value", signed(logit)));
      list.append(item);
    }
    lens.querySelector(".lens-words").replaceChildren(
      write("p", "", tile.label === undefined ? tile.title : `${tile.title}, labelled ${data().classes[tile.label]}`),
      write("p", "note-line", tile.note),
      list,
      write("p", "note-line", `${tile.unit ?? "in logits"}${tile.more ? `; ${tile.more}` : ""}`),
    );
  };

  // Below or above a tile, so that the tiles beside it stay in reach; beside the maps, so that they stay in sight.
  const put = (anchor) => {
    const from = anchor.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = lens;
    const gap = anchor.matches(".tile") ? 24 : 8;
    const [right, left] = [from.right + gap, from.left - gap - width];
    const [below, above] = [from.bottom + gap, from.top - gap - height];
    const beside = right + width <= innerWidth ? right : left;
    const under = below + height <= innerHeight ? below : above;
    const upright = anchor.matches(".tile") ? under >= 0 : beside < 0;
    const within = (place, size, room) => `${Math.max(gap, Math.min(place, room - size - gap))}px`;
    lens.style.left = within(upright ? from.left : beside, width, innerWidth);
    lens.style.top = within(upright ? under : from.top, height, innerHeight);
  };

  const show = (anchor, tile) => {
    clearTimeout(leaving);
    if (owner && owner !== anchor) owner.removeAttribute("aria-describedby");
    owner = anchor;
    fill(tile);
    lens.hidden = false;
    put(anchor);
    anchor.setAttribute("aria-describedby", "lens");
  };
  const hide = () => {
    clearTimeout(leaving);
    if (!owner) return;
    lens.hidden = true;
    owner.removeAttribute("aria-describedby");
    for (const cursor of owner.querySelectorAll(".cursor")) cursor.setAttribute("width", 0);
    owner = null;
  };
  // The pointer may go from the tile to the lens without losing it.
  const leave = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hide, 150);
  };

  if (lens) {
    lens.addEventListener("pointerenter", () => clearTimeout(leaving));
    lens.addEventListener("pointerleave", leave);
    addEventListener("keydown", (event) => event.key === "Escape" && hide());
    const follow = () => owner && (owner.matches(":focus, :hover") ? put(owner) : hide());
    addEventListener("scroll", follow, { passive: true });
    addEventListener("resize", follow);
  }

  for (const button of document.querySelectorAll("button.tile")) {
    const open = () => {
      const { tile, mapped, number } = button.dataset;
      show(button, tile ? tileOfAtlas(button) : deciding(mapped, Number(number)));
    };
    button.addEventListener("pointerenter", open);
    button.addEventListener("focus", open);
    button.addEventListener("click", open);
    button.addEventListener("pointerleave", leave);
    button.addEventListener("blur", hide);
  }

  // A strip of tiles is one stop of the Tab key; arrow keys go along it.

  for (const strip of document.querySelectorAll(".tiles")) {
    const buttons = [...strip.querySelectorAll("button.tile")];
    const stop = (chosen) => buttons.forEach((button) => (button.tabIndex = button === chosen ? 0 : -1));
    stop(buttons[0]);
    strip.addEventListener("keydown", (event) => {
      const at = buttons.indexOf(document.activeElement);
      const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
      const next = buttons[steps[event.key]];
      if (!(event.key in steps)) return;
      event.preventDefault();
      if (!next) return;
      stop(next);
      next.focus();
    });
  }

  // The maps of an image: point at a tile, tap it, or walk over the tiles with the arrow keys.

  for (const maps of document.querySelectorAll(".maps")) {
    const name = maps.dataset.mapped;
    let at = null;
    const go = (row, column, aloud) => {
      const error = data().mapped[name];
      at = [
        Math.max(0, Math.min(row, error.tops.length - 1)),
        Math.max(0, Math.min(column, error.lefts.length - 1)),
      ];
      const tile = onMap(name, ...at);
      const { left, top, side } = tile.box;
      for (const cursor of maps.querySelectorAll(".cursor")) {
        for (const [key, value] of Object.entries({ x: left, y: top, width: side, height: side })) cursor.setAttribute(key, value);
      }
      show(maps, tile);
      const words = tile.bars.map(([chosen, logit]) => `${data().classes[chosen]} ${signed(logit)}`);
      if (aloud) spoken.textContent = `row ${at[0] + 1}, column ${at[1] + 1}: ${words.join(", ") || "blank"}`;
    };
    maps.dataset.ready = "";
    maps.tabIndex = 0;
    maps.setAttribute("role", "application");
    maps.setAttribute("aria-label", "Image and maps: arrow keys go from tile to tile");
    maps.addEventListener("focus", () => maps.matches(":focus-visible") && go(...(at ?? [0, 0]), true));
    maps.addEventListener("blur", hide);
    // A finger leaves as it is lifted: what it chose stays until something else is touched.
    maps.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && leave());
    const point = (event) => {
      const map = event.target.closest(".map");
      if (!map) return;
      const error = data().mapped[name];
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
      const closest = (starts, where) => {
        const distances = starts.map((start) => Math.abs(start + error.size[2] / 2 - where));
        return distances.indexOf(Math.min(...distances));
      };
      const [row, column] = [closest(error.tops, place.y), closest(error.lefts, place.x)];
      if (owner !== maps || !at || row !== at[0] || column !== at[1]) go(row, column, false);
      else clearTimeout(leaving);
    };
    maps.addEventListener("pointermove", point);
    maps.addEventListener("pointerdown", point);
    maps.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const [row, column] = at ?? [0, 0];
      go(row + step[0], column + step[1], true);
    });
  }

  // What the maps show, on the whole page: the picture, the map, or both.

  const root = document.documentElement;
  const cover = document.querySelector('input[name="cover"]');
  for (const choice of document.querySelectorAll('input[name="view"]')) {
    choice.addEventListener("change", () => {
      root.dataset.view = choice.value;
      cover.parentElement.hidden = choice.value !== "both";
    });
  }
  cover?.addEventListener("input", () => root.style.setProperty("--cover", cover.value / 100));

  // The filter by class pair.

  const pair = document.getElementById("pair");
  const shown = document.getElementById("shown");
  const more = document.getElementById("more-errors");
  const filter = () => {
    let count = 0;
    for (const card of document.querySelectorAll(".error")) {
      card.hidden = pair.value !== "" && card.dataset.pair !== pair.value;
      count += !card.hidden;
    }
    // A choice may lie in the fold.
    if (pair.value !== "" && more) more.open = true;
    const which = pair.value === "" ? "" : `: ${pair.selectedOptions[0].textContent}`;
    shown.textContent = `Showing ${count} ${count === 1 ? "image" : "images"}${which}.`;
  };
  pair?.addEventListener("change", filter);
  for (const button of document.querySelectorAll(".show-pair")) {
    button.addEventListener("click", () => {
      pair.value = button.dataset.pair;
      filter();
      document.getElementById("images-heading").scrollIntoView();
      pair.focus({ preventScroll: true });
    });
  }

  // A table or a figure that is wider than the screen says that it scrolls.

  const sideways = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      const wide = target.closest(".wide");
      const scrolls = wide.scrollWidth > wide.clientWidth + 1;
      let hint = wide.previousElementSibling;
      if (!hint?.classList.contains("sideways")) {
        if (!scrolls) continue;
        hint = write("p", "sideways", "Wider than the screen: scroll sideways →");
        wide.before(hint);
      }
      hint.hidden = !scrolls;
    }
  });
  for (const wide of document.querySelectorAll(".wide")) {
    sideways.observe(wide);
    if (wide.firstElementChild) sideways.observe(wide.firstElementChild);
  }

  // A link into a fold opens it.

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target?.closest("details:not([open])");
    if (!fold) return;
    fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // On paper nothing is folded.

  let opened = [];
  addEventListener("beforeprint", () => {
    hide();
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
})();
