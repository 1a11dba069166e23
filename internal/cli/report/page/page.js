'use strict';
(() => {
  const report = JSON.parse(document.getElementById('data').textContent);
  const pageRows = 200; // in the document at a time, until more are asked for
  const levels = ['privileged', 'baseline', 'restricted'];
  const meets = new Map(report.namespaces.map((ns) => [ns.name, ns.meets]));
  const checks = new Map(report.checks.map((check) => [check.check, check]));
  const checksOf = new Map();
  for (const v of report.violations) {
    if (!checksOf.has(v.namespace)) checksOf.set(v.namespace, new Set());
    checksOf.get(v.namespace).add(v.check);
  }
  const number = (label, of) => ({ label, of, kind: 'number' });
  // A level is coloured as met; one that is violated as the one below it.
  const met = (label, of) => ({ label, of, kind: 'level', shade: of });
  const violated = (label, of) => ({ label, of, kind: 'level', shade: (row) => levels[levels.indexOf(of(row)) - 1] });
  const text = (label, of) => ({ label, of });
  const prose = (label, of) => ({ label, of, kind: 'prose' });
  const fix = (label, of) => ({ label, kind: 'prose', of: (row) => of(row)?.remedy ?? '', link: (row) => of(row)?.url });
  const views = {
    owner: {
      rows: report.violations,
      columns: [text('Owner', (v) => v.owner ?? ''), text('Namespace', (v) => v.namespace), text('Workload', (v) => v.workload), violated('Level', (v) => v.level), text('Check', (v) => v.check),
        number('Pods', (v) => v.pods), prose('Finding', (v) => v.message), fix('Remedy', (v) => checks.get(v.check))],
      namespace: (v) => v.namespace,
    },
    namespace: {
      rows: report.namespaces,
      columns: [text('Namespace', (n) => n.name), met('Meets', (n) => n.meets), met('Enforces', (n) => n.enforce), number('Pods', (n) => n.pods),
        number('Workloads', (n) => n.workloads), number('Violating', (n) => n.violatingWorkloads),
        prose('Checks', (n) => [...(checksOf.get(n.name) ?? [])].join(', '))],
      namespace: (n) => n.name,
    },
    check: {
      rows: report.checks,
      columns: [text('Check', (c) => c.check), violated('Level', (c) => c.level), number('Workloads', (c) => c.workloads),
        number('Namespaces', (c) => c.namespaces), fix('Remedy', (c) => c)],
    },
  };
  const state = { view: document.body.dataset.by, sort: null, descending: false, shown: pageRows, level: '', namespace: '' };
  const byId = (id) => document.getElementById(id);
  const head = document.querySelector('thead');
  const body = document.querySelector('tbody');

  const element = (tag, properties, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };
  const compare = (column) => {
    if (column.kind === 'number') return (a, b) => column.of(a) - column.of(b);
    if (column.kind === 'level') return (a, b) => levels.indexOf(column.of(a)) - levels.indexOf(column.of(b));
    return (a, b) => column.of(a).localeCompare(column.of(b));
  };

  function selected() {
    const view = views[state.view];
    const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = view.rows.filter((row) => {
      const namespace = view.namespace?.(row);
      if (namespace && state.level && meets.get(namespace) !== state.level) return false;
      if (namespace && state.namespace && namespace !== state.namespace) return false;
      if (!words.length) return true;
      row.words ??= view.columns.map((column) => column.of(row)).join(' ').toLowerCase();
      return words.every((word) => row.words.includes(word));
    });
    if (state.sort !== null) rows.sort(compare(view.columns[state.sort]));
    if (state.descending) rows.reverse();
    return rows;
  }

  function cell(column, row) {
    const value = column.of(row);
    const node = element('td', { className: `${column.kind ?? ''} ${column.shade?.(row) ?? ''}` });
    node.dataset.label = column.label;
    const url = column.link?.(row);
    node.append(url && value ? element('a', { href: url, rel: 'noreferrer', textContent: value }) : String(value));
    return node;
  }

  function drawTable() {
    const view = views[state.view];
    const rows = selected();
    head.replaceChildren(element('tr', {}, ...view.columns.map((column, i) => {
      const button = element('button', { type: 'button', textContent: column.label, onclick: () => sortBy(i) });
      const th = element('th', { scope: 'col' }, button);
      if (state.sort === i) th.ariaSort = state.descending ? 'descending' : 'ascending';
      return th;
    })));
    body.replaceChildren(...rows.slice(0, state.shown).map((row) => element('tr', {}, ...view.columns.map((column) => cell(column, row)))));
    byId('more').hidden = rows.length <= state.shown;
    byId('count').value = rows.length === view.rows.length ? `${rows.length}` : `${rows.length} of ${view.rows.length}`;
    for (const tab of document.querySelectorAll('[role=tab]')) tab.ariaSelected = String(tab.dataset.view === state.view);
  }

  function sortBy(column) {
    state.descending = state.sort === column && !state.descending;
    state.sort = column;
    drawTable();
  }

  function drawMap() {
    for (const tile of byId('map').children) {
      const { name, level } = tile.dataset;
      tile.classList.toggle('off', Boolean((state.level && level !== state.level) || (state.namespace && name !== state.namespace)));
    }
    for (const button of byId('levels').children) button.ariaPressed = String(button.dataset.level === state.level);
  }

  function choose(change) {
    Object.assign(state, { shown: pageRows }, change);
    drawMap();
    drawTable();
  }

  byId('levels').append(...levels.map((name) => {
    const count = report.namespaces.filter((ns) => ns.meets === name).length;
    const label = name === 'privileged' ? 'do not meet baseline' : `meet ${name}`;
    const button = element('button', { type: 'button', className: name, onclick: () => choose({ level: state.level === name ? '' : name, namespace: '' }) },
      element('b', { textContent: count }), label);
    button.dataset.level = name;
    return button;
  }));
  byId('map').append(...report.namespaces.map((ns) => {
    const title = `${ns.name}: meets ${ns.meets}, enforces ${ns.enforce}, ${ns.violatingWorkloads} of ${ns.workloads} workloads violate restricted`;
    const tile = element('button', {
      type: 'button', className: ns.meets, title, ariaLabel: title, onclick: () => choose({ namespace: state.namespace === ns.name ? '' : ns.name, level: '' }),
    });
    Object.assign(tile.dataset, { name: ns.name, level: ns.meets });
    return tile;
  }));
  for (const tab of document.querySelectorAll('[role=tab]')) {
    tab.onclick = () => choose({ view: tab.dataset.view, sort: null, descending: false });
  }
  byId('filter').oninput = () => choose({});
  byId('more').onclick = () => {
    state.shown += pageRows * 5;
    drawTable();
  };
  byId('theme').onclick = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  };
  choose({});
})();
