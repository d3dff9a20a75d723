"use strict";
{
  const steps = JSON.parse(document.getElementById("steps").textContent);
  const PAUSE = 1500; // milliseconds between two steps that play by themselves
  const [player, slider, lines, words, play] =
    ["player", "slider", "lines", "words", "play"].map((id) => document.getElementById(id));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const nodes = all(".node"), edges = all(".edge"), rows = all("tr[data-step]");
  const written = new Map(nodes.map((node) => [node, node.querySelector(".adjoint")?.textContent]));
  const valued = new Map(); // when a node has its value
  steps.forEach((step, i) => {
    if (step.sweep === "forward" && !valued.has(step.node)) valued.set(step.node, i + 1);
  });
  const adjoints = new Map(); // by node: when its adjoint changes, and to what
  steps.forEach((step, i) => {
    if (!step.adjoint) return;
    if (!adjoints.has(step.node)) adjoints.set(step.node, []);
    adjoints.get(step.node).push([i + 1, step.adjoint]);
  });
  let at = 0, timer = 0;

  function show(k, told = true) {
    at = Math.min(Math.max(Number.isFinite(k) ? Math.round(k) : 0, 0), steps.length);
    const step = steps[at - 1];
    document.body.classList.toggle("running", at > 0);
    document.body.classList.toggle("reverse", step?.sweep === "reverse");
    nodes.forEach((node) => drawNode(node, step));
    for (const edge of edges) {
      mark(edge, step?.edges.includes(edge.dataset.edge));
      const when = valued.get(Number(edge.dataset.edge.split("-")[1])); // as its partial
      if (edge.matches("text")) later(edge, at > 0 && when > at);
    }
    for (const row of rows) {
      const when = Number(row.dataset.step);
      row.classList.toggle("later", at > 0 && when > at);
      mark(row, when === at);
    }
    tell(step);
    reveal();
    if (told) note();
  }

  function drawNode(node, step) {
    const id = Number(node.dataset.node);
    mark(node, step?.node === id);
    later(node.querySelector(".value"), at > 0 && valued.get(id) > at);
    const text = node.querySelector(".adjoint");
    if (!text) return;
    const since = (adjoints.get(id) ?? []).filter(([when]) => when <= at);
    later(text, at > 0 && adjoints.has(id) && !since.length);
    text.textContent = at && since.length ? since.at(-1)[1] : written.get(node);
  }

  function later(text, is) {
    text.setAttribute("visibility", is ? "hidden" : "inherit");
  }

  function mark(element, is) {
    element.classList.toggle("now", Boolean(is));
    if (is && element.matches("tr")) element.setAttribute("aria-current", "step");
    else element.removeAttribute("aria-current");
  }

  function tell(step) {
    const sweep = step ? `${step.sweep === "forward" ? "Forward" : "Reverse"} sweep` : "All steps";
    const count = `step ${at} of ${steps.length}`;
    document.getElementById("sweep").textContent = sweep;
    document.getElementById("count").textContent = step ? `· ${count}` : "";
    lines.replaceChildren(...(step?.lines ?? []).map((parts) => {
      const line = document.createElement("p");
      for (const part of parts.filter(Boolean)) {
        const span = line.appendChild(document.createElement("span"));
        span.textContent = part;
        line.append(" ");
      }
      return line;
    }));
    words.textContent = step?.words ??
      `All ${steps.length} steps are shown. Next begins the forward sweep.`;
    slider.value = at;
    slider.setAttribute("aria-valuetext", step ? `${sweep}, ${count}` : sweep);
    for (const [id, end] of [["first", 0], ["back", 0], ["next", steps.length],
      ["last", steps.length]]) {
      document.getElementById(id).disabled = at === end;
    }
  }

  // Scrolls what holds a marked element, never the page itself.
  function reveal() {
    const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    const seen = new Set();
    for (const element of all("tr.now, .node.now")) {
      const box = element.closest(".graph, .table, .tables");
      const holder = box.matches(".table") && !scrolls(box) ? box.closest(".tables") : box;
      if (seen.has(holder) || !scrolls(holder)) continue;
      seen.add(holder);
      const [inner, outer] = [element, holder].map((e) => e.getBoundingClientRect());
      holder.scrollBy({
        left: beyond(inner.left, inner.right, outer.left, outer.right),
        top: beyond(inner.top, inner.bottom, outer.top, outer.bottom),
        behavior: smooth ? "smooth" : "auto",
      });
    }
  }

  function scrolls(element) {
    const style = getComputedStyle(element);
    return style.overflowX !== "visible" &&
      (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);
  }

  function beyond(start, end, low, high) {
    const margin = 16;
    if (start >= low + margin && end <= high - margin) return 0;
    const middle = (start + end - low - high) / 2;
    return Math.min(middle, start - low - margin); // its beginning, if it is larger
  }

  function note() {
    try {
      history.replaceState(null, "", at ? `#step=${at}` : location.pathname + location.search);
    } catch { /* a page in a frame may not */ }
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function toggle() {
    if (timer) return pause();
    if (at === steps.length) show(0);
    play.textContent = "Pause";
    timer = setInterval(advance, PAUSE);
    advance();
  }

  function advance() {
    show(at + 1);
    if (at === steps.length) pause();
  }

  function go(k) {
    pause();
    show(k);
  }

  const moves = {
    ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1),
    Home: () => go(0), End: () => go(steps.length), " ": toggle,
  };

  function press(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || !(key in moves)) return;
    if (target.closest("button") && key === " ") return; // a button's own key
    const holder = target.closest(".graph, .table, .tables");
    if (holder && key !== " " && scrolls(holder) && holder.matches(":focus-visible")) return;
    event.preventDefault();
    moves[key]();
  }

  function click(event) {
    const row = event.target.closest("tr[data-step]"), node = event.target.closest(".node");
    if (row) go(Number(row.dataset.step));
    else if (node && valued.has(Number(node.dataset.node))) go(valued.get(Number(node.dataset.node)));
  }

  function start() {
    const found = /^#step=(\d+)$/.exec(location.hash);
    show(found ? Number(found[1]) : 0, false);
  }

  document.getElementById("first").addEventListener("click", moves.Home);
  document.getElementById("back").addEventListener("click", moves.ArrowLeft);
  document.getElementById("next").addEventListener("click", moves.ArrowRight);
  document.getElementById("last").addEventListener("click", moves.End);
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => go(slider.valueAsNumber));
  document.addEventListener("keydown", press);
  document.querySelector("main").addEventListener("click", click);
  addEventListener("hashchange", start);
  document.body.classList.add("stepping");
  player.hidden = false;
  start();
}
