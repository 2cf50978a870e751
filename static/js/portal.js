/* Theme, menus, htmx manners and charts. Every page also works without this file. */
(() => {
  const root = document.documentElement;
  const chartSource = document.currentScript.dataset.chart;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Theme: the choice is remembered, the system's wish followed until there is one

  function setTheme(theme) {
    root.dataset.bsTheme = theme;
    labelToggle();
    drawCharts();
  }

  function labelToggle() {
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    all("[data-theme-toggle]").forEach((button) =>
      button.setAttribute("aria-label", `Switch to ${next} colours`),
    );
  }

  function remembered() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  }

  function toggleTheme() {
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // storage may be forbidden; the theme then holds for this page
    }
    setTheme(theme);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (!remembered()) setTheme(event.matches ? "dark" : "light");
  });

  // Menus: details elements close on Escape and on a click elsewhere

  function closeMenus(except) {
    all("details.menu[open], details.formula[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details.menu, details.formula"));
    if (event.target.closest("[data-theme-toggle]")) toggleTheme();
    const menuButton = event.target.closest(".menu-btn");
    if (menuButton) menuButton.setAttribute("aria-expanded", String(one(".nav1").classList.toggle("open")));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest("details.menu[open], details.formula[open]");
    closeMenus();
    if (open) one("summary", open).focus();
  });

  // Forms: an empty filter stays out of the URL; a form is sent once

  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // A number that nobody has changed follows a choice: what is usual with it. Before htmx asks what the form makes.
  document.addEventListener(
    "change",
    (event) => {
      const choice = event.target;
      if (!(choice instanceof HTMLSelectElement) || !choice.form) return;
      all(`[data-follows="${choice.name}"]`, choice.form).forEach((field) => {
        const usual = [...choice.options].map((option) => field.dataset[option.value]);
        if (usual.includes(field.value)) field.value = field.dataset[choice.value] ?? field.value;
      });
    },
    true,
  );

  // htmx: the old content stays until the new is there; slow and failed requests say so in words

  const slow = () => one("#slow");
  const timers = new WeakMap();
  document.addEventListener("htmx:beforeRequest", (event) => {
    event.detail.target.setAttribute("aria-busy", "true");
    timers.set(
      event.detail.xhr,
      setTimeout(() => slow() && (slow().textContent = "Still loading…"), 400),
    );
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    event.detail.target.removeAttribute("aria-busy");
    clearTimeout(timers.get(event.detail.xhr));
    if (slow()) slow().textContent = "";
  });
  document.addEventListener("htmx:responseError", (event) => {
    failed(`The server answered ${event.detail.xhr.status}. What you see is what was there before.`);
  });
  document.addEventListener("htmx:sendError", () =>
    failed("The server could not be reached. What you see may be old."),
  );

  function failed(sentence) {
    const place = one("#messages");
    if (!place) return;
    const note = document.createElement("div");
    note.className = "note bad-n s";
    note.setAttribute("role", "alert");
    note.textContent = `${sentence} Reload the page to try again.`;
    place.replaceChildren(note);
  }

  // Charts read the table they illustrate, so both always agree

  let charts = [];
  let loading = null;

  function colour(name) {
    const probe = document.createElement("i");
    probe.className = name;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  function chartLibrary() {
    loading ??= new Promise((done, fail) => {
      const script = document.createElement("script");
      script.src = chartSource;
      script.onload = done;
      script.onerror = fail;
      document.head.append(script);
    });
    return loading;
  }

  async function drawCharts() {
    charts.forEach((chart) => chart.destroy());
    charts = [];
    const canvases = all("canvas[data-table]");
    if (!canvases.length) return;
    await Promise.all([chartLibrary(), document.fonts.ready]);
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 11;
    Chart.defaults.color = colour("m");
    Chart.defaults.animation = false;
    charts = canvases.filter((canvas) => canvas.isConnected && !Chart.getChart(canvas)).map(draw);
  }

  function figure(cell) {
    const text = cell.dataset.v ?? cell.textContent.replace(/[^\d.]/g, "");
    return text === "" ? null : Number(text);
  }

  function draw(canvas) {
    const table = document.getElementById(canvas.dataset.table);
    const kind = canvas.dataset.kind || "stack";
    const unit = canvas.dataset.unit || "";
    const card = getComputedStyle(canvas.closest(".card") || document.body);
    const rows = [...table.tBodies[0].rows];
    const columns = [...table.tHead.rows[0].cells].filter((head) => head.dataset.c);
    const datasets = columns.map((head) => ({
      label: head.textContent.trim(),
      data: rows.map((row) => figure(row.cells[head.cellIndex])),
      ...shape(kind, colour(head.dataset.c), card.backgroundColor),
    }));
    const axis = (grid, extra) => ({
      grid: { color: card.borderTopColor, display: grid },
      border: { display: false },
      beginAtZero: true,
      ...extra,
    });
    const values = { maxTicksLimit: 6, callback: (value) => `${value.toLocaleString("en-GB")}${unit}` };
    const across = kind === "h";
    return new Chart(canvas, {
      type: kind === "line" ? "line" : "bar",
      data: { labels: rows.map((row) => row.cells[0].textContent.trim()), datasets },
      options: {
        indexAxis: across ? "y" : "x",
        maintainAspectRatio: false,
        plugins: { legend: { display: false } },
        interaction: { mode: "index", axis: across ? "y" : "x", intersect: false },
        scales: {
          x: axis(across, {
            stacked: kind === "stack",
            ticks: across ? values : { maxTicksLimit: 8, maxRotation: 0 },
          }),
          y: axis(!across, { stacked: kind === "stack", ticks: across ? {} : values }),
        },
      },
    });
  }

  function shape(kind, ink, paper) {
    if (kind === "line") {
      return {
        borderColor: ink,
        backgroundColor: ink,
        borderWidth: 1.75,
        pointRadius: 0,
        pointHitRadius: 8,
        tension: 0,
      };
    }
    const stacked = kind === "stack";
    return {
      backgroundColor: ink,
      hoverBackgroundColor: ink,
      borderColor: paper,
      borderWidth: stacked ? { top: 1 } : 0,
      maxBarThickness: kind === "h" ? 11 : 40,
      borderRadius: 2,
    };
  }

  document.addEventListener("htmx:afterSettle", () => drawCharts());
  document.addEventListener("DOMContentLoaded", () => {
    labelToggle();
    drawCharts();
    one("#form-errors")?.focus();
  });
})();
