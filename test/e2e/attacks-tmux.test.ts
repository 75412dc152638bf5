import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot, TmuxPane } from '../../src/session/schema.ts';
import {
  directoryOf,
  drawStatusLine,
  eachOf,
  endServer,
  environmentOf,
  idOf,
  layout,
  naive,
  panes,
  type Scene,
  scene,
  sessions,
  settle,
  sideBySide,
  snapshot,
  stateOf,
  type TmuxCall,
  unchanged,
  watchTmux,
  windowsOf,
  wordsOf,
  exits,
} from '../support/attack.ts';
import { forge, plainPane, plainWindow, typedPane } from '../support/forge.ts';
import { waitFor } from '../support/harness.ts';

/** Values that tmux would take for something else than text; `#(...)` runs a program. */
function hostileNames(command: string): string[] {
  return [
    ...[`#(${command})`, `a#(${command})b`, `##(${command})`, `###(${command})`, `#{l:#(${command})}`],
    ...[
      `#{E:#(${command})}`,
      `#[fg=#(${command})]`,
      `#[#(${command})`,
      `##[#(${command})]`,
      `#,#(${command})`,
    ],
    ...[
      `#{?1,#(${command}),}`,
      `#{s/a/#(${command})/:pid}`,
      `$(${command})`,
      `\`${command}\``,
      `#\\(${command})`,
    ],
    ...[`; run-shell "${command}"`, `"; run-shell "${command}" ; "`, `'; run-shell '${command}' ; '`],
    ...[
      `x;`,
      ';',
      '\\;',
      'x\\;',
      '}',
      '{',
      '~',
      '%if 1',
      '#S #I #P #D #T',
      '#{pid}',
      '%H:%M',
      '%%',
      '##',
      '#',
    ],
    ...[
      '\\012',
      '\\\\',
      '\\',
      '$HOME\\x',
      '${HOME}',
      '=0',
      '@1',
      '%1',
      '$1',
      '{last}',
      '!',
      '+',
      '*',
      '.',
      ':',
    ],
    ...['-x', '-', '--', '-t=other:', ' ', ' x ', `a'b"c`, 'ünï 日本 👩‍💻 é', 'a=3D', '=0A'],
  ];
}

async function names(s: Scene, session: string): Promise<string[]> {
  const out = await s.who.tmux('list-windows', '-t', await idOf(s.who, session), '-F', '#{window_name}');
  return out.split('\n');
}

/** tmux shows a name with such characters escaped. */
const unsafe = /[^\u0020-\u007E]|[\\$]/u;

describe('A1 to A4: what tmux expands', () => {
  test('A1 window names come back literally and run nothing', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const hostile = hostileNames(`touch ${s.canary}`);
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(...hostile.map(() => [{}])).map((w, i) => ({ ...w, name: hostile[i]! }));
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    await s.who.ok(s.repo, 'restore', 'forged', '--run', '--as', 'second');
    await drawStatusLine(s.who, 'forged');
    for (const session of ['forged', 'second']) {
      const back = await names(s, session);
      // tmux shows other characters escaped; those are compared below.
      for (const [i, name] of hostile.entries()) if (!unsafe.test(name)) expect(back[i]).toBe(name);
    }
    // Our own reading of the names, and of those that tmux escapes.
    const saved = await save(s, 'forged');
    expect(saved.tmux.windows.map((w) => w.name)).toEqual(hostile);
    await drawStatusLine(s.who, 'forged');
    expect(existsSync(s.canary)).toBe(false);

    for (const verb of [
      ['rename-window', '-t', 'second:0'],
      ['new-window', '-n'],
      ['new-session', '-d', '-n'],
    ]) {
      const touched = `${s.canary}-${verb[0]}`;
      await naive(s.who, touched, ...verb, `#(touch ${touched})`);
    }
  });

  test('A2 session names come back literally and run nothing', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const hostile = hostileNames(`touch ${s.canary}`).filter((n) => !/[:.]/u.test(n) && !unsafe.test(n));
    const forged = snapshot(s.head, (x) => {
      const [own] = x.tmux.sessions;
      own!.group = `#(touch ${s.canary})`;
      own!.name = `x#(touch ${s.canary})`;
      x.tmux.sessions.push(...hostile.map((name) => ({ ...own!, name })));
    });
    await forge(s.who, s.repo, forged);
    const { code } = await s.who.gs(s.repo, 'restore', 'forged');
    expect(code).toBe(0);
    expect(new Set((await sessions(s.who)).keys())).toEqual(new Set([...hostile, `x#(touch ${s.canary})`]));
    // As the main name, without and with --run.
    for (const [i, name] of [
      `#(touch ${s.canary})-2`,
      `#{E:#(touch ${s.canary})}`,
      `=#(touch ${s.canary});`,
    ].entries()) {
      const single = snapshot(s.head, (x) => void (x.tmux.sessions[0]!.name = name));
      await forge(s.who, s.repo, single, { name: `single${i}` });
      const result = await s.who.gs(s.repo, 'restore', `single${i}`, ...(i === 0 ? ['--run'] : []));
      exits(result, 0);
    }
    expect([...(await sessions(s.who)).keys()]).toContain(`#(touch ${s.canary})-2`);
    await drawStatusLine(s.who, `x#(touch ${s.canary})`);
    expect(existsSync(s.canary)).toBe(false);

    const [first] = (await sessions(s.who)).values();
    for (const verb of [
      ['new-session', '-d', '-s'],
      ['rename-session', '-t', first!],
    ]) {
      const touched = `${s.canary}-${verb[0]}`;
      await naive(s.who, touched, ...verb, `${verb[0]}#(touch ${touched})`);
    }
  });

  test('A3 directories come back literally and run nothing', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const make = (dir: string) => {
      mkdirSync(path.join(s.repo, dir), { recursive: true });
      return dir;
    };
    const dirs = hostileNames(`touch ${s.canary}`)
      .filter((n) => n !== '.')
      .map(make);
    writeFileSync(path.join(s.repo, '.git/info/exclude'), '*\n');
    const pane = (dir: string, change: Partial<TmuxPane> = {}) =>
      ({
        cwd: { in: 'repo', path: dir },
        start: { argv: ['sleep', '1000'] },
        ...change,
      }) satisfies Partial<TmuxPane>;
    const started = {
      ...{ source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
    } satisfies TmuxPane['relaunch'];
    const forged = snapshot(s.head, (x) => {
      // The second pane of each window goes through split-window, the third through respawn-pane.
      x.tmux.windows = windowsOf(...dirs.map((d) => [pane(d), pane(d), pane(d, { relaunch: started })]));
    });
    await forge(s.who, s.repo, forged);
    await s.who.gs(s.repo, 'restore', 'forged');
    await s.who.ok(s.repo, 'restore', 'forged', '--run', '--as', 'second');
    for (const session of ['forged', 'second']) {
      for (const p of await panes(s.who, session)) {
        expect(directoryOf(p.pid)).toBe(realpathSync(path.join(s.repo, dirs[p.window]!)));
      }
    }
    expect(existsSync(s.canary)).toBe(false);

    const target = await idOf(s.who, 'second');
    for (const verb of [
      ['new-session', '-d', '-c'],
      ['new-window', '-c'],
      ['split-window', '-t', `${target}:0`, '-c'],
      ['respawn-pane', '-k', '-t', `${target}:0`, '-c'],
    ]) {
      const touched = `${s.canary}-${verb[0]}`;
      await naive(s.who, touched, ...verb, `#(touch ${touched})`);
    }
  });

  test('A4 titles, also those that a program set by an escape sequence, come back literally and run nothing', async () => {
    const s = await scene();
    await watchTmux(s.who);
    // tmux itself refuses a title that is not printable.
    const hostile = hostileNames(`touch ${s.canary}`);
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(...hostile.map((title) => [{ title }]));
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    await s.who.ok(s.repo, 'restore', 'forged', '--run', '--as', 'second');
    await drawStatusLine(s.who, 'forged');
    for (const session of ['forged', 'second']) {
      const out = await s.who.tmux(
        'list-panes',
        '-s',
        '-t',
        await idOf(s.who, session),
        '-F',
        '#{pane_title}',
      );
      expect(out.split('\n')).toEqual(hostile);
    }
    // Round: a program sets its own title, we save it and restore it.
    const escape = `printf '\\033]2;#(touch ${s.canary})\\007'; exec sleep 1000`;
    await s.who.tmux('new-session', '-d', '-s', 'osc', escape);
    const osc = await idOf(s.who, 'osc');
    await waitFor(
      async () =>
        (await s.who.tmux('list-panes', '-t', osc, '-F', '#{pane_title}')) === `#(touch ${s.canary})`,
      'the title',
    );
    await save(s, 'osc');
    await s.who.tmux('kill-session', '-t', osc);
    await s.who.ok(s.repo, 'restore', 'osc');
    expect(await s.who.tmux('list-panes', '-t', await idOf(s.who, 'osc'), '-F', '#{pane_title}')).toBe(
      `#(touch ${s.canary})`,
    );
    await drawStatusLine(s.who, 'osc');
    expect(existsSync(s.canary)).toBe(false);

    const touched = `${s.canary}-title`;
    await naive(s.who, touched, 'select-pane', '-t', 'second:0', '-T', `#(touch ${touched})`);
  });
});

describe('A5, A6: the commands that tmux is given', () => {
  test('A5 a closed list of verbs, and formats that are constant', async () => {
    const s = await scene();
    const calls = await watchTmux(s.who);
    const evil = `#(touch ${s.canary})#{pid}`;
    mkdirSync(path.join(s.repo, evil), { recursive: true });
    writeFileSync(path.join(s.repo, '.git/info/exclude'), '*\n');
    const forged = snapshot(s.head, (x) => {
      x.env = { NODE_ENV: evil };
      x.crqs = [{ id: 'CRQ-1', title: evil, status: evil, path: evil }];
      const [own] = x.tmux.sessions;
      own!.name = `forged ${evil}`;
      own!.group = evil;
      x.tmux.sessions.push({ ...own!, name: `other ${evil}` });
      const pane = { title: evil, cwd: { in: 'repo' as const, path: evil }, synchronized: true };
      const started: Partial<TmuxPane> = {
        start: { argv: ['cat', evil] },
        relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
        remainOnExit: 'on',
      };
      const typed = typedPane(['echo', evil], { index: 1, active: false, ...pane, remainOnExit: 'failed' });
      const shown: Partial<TmuxPane> = {
        relaunch: {
          source: 'foreground',
          confidence: 'rebuilt',
          reason: 'pipeline',
          steps: [],
          line: `a | ${evil}`,
        },
      };
      const scrollback = { scrollback: { path: 'scrollback/0.0', lines: 1, bytes: 1, truncated: false } };
      x.tmux.windows = windowsOf(
        [pane, typed],
        [{ ...pane, ...started }],
        [{ ...pane, ...shown, ...scrollback }],
      ).map((w) => ({ ...w, name: evil, zoomed: w.index === 0, automaticRename: w.index === 1 }));
      x.tmux.windows[0]!.layout = sideBySide([2, 2]);
    });
    await forge(s.who, s.repo, forged, { files: { 'scrollback/0.0': Buffer.from(evil) } });
    await s.who.gs(s.repo, 'restore', '--dry-run', 'forged');
    await s.who.gs(s.repo, 'restore', 'forged', '--as', `unapproved ${evil}`);
    const restored = await s.who.gs(s.repo, 'restore', 'forged', '--run');
    exits(restored, 0);
    await s.who.ok(s.repo, 'save', '--all', '--scrollback');
    await drawStatusLine(s.who, `forged ${evil}`);
    expect(existsSync(s.canary)).toBe(false);
    const checked = checkCalls(calls());
    expect(checked.bad).toEqual([]);
    // The test sees what it has to see.
    const wanted = [
      'respawn-pane',
      'rename-window',
      'select-pane',
      'send-keys',
      'new-window',
      'capture-pane',
    ];
    expect([...checked.verbs]).toEqual(expect.arrayContaining(wanted));
  });

  test('A6 values that tmux does not expand: environment, argv, options', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const evil = `#(touch ${s.canary})`;
    const forged = snapshot(s.head, (x) => {
      x.env = { APP_ENV: evil, NODE_ENV: `${evil}\n$(touch ${s.canary})` };
      x.crqs = [{ id: 'CRQ-1', title: evil, status: evil, path: evil }];
      x.tmux.windows = windowsOf([
        {
          start: { argv: ['sh', '-c', 'exec sleep 1000', evil, `$(touch ${s.canary})`] },
          relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
        },
      ]);
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged', '--run');
    const [pane] = await panes(s.who, 'forged');
    await s.who.waitForCommand(pane!.id, 'sleep');
    const env = environmentOf(pane!.pid);
    expect(env).toContain(`APP_ENV=${evil}`);
    expect(env).toContain(`NODE_ENV=${evil}\n$(touch ${s.canary})`);
    await drawStatusLine(s.who, 'forged');
    const right = await s.who.tmux('show-options', '-v', '-t', await idOf(s.who, 'forged'), 'status-right');
    expect(right).toMatch(/^\[CRQ-1\] /u);
    expect(existsSync(s.canary)).toBe(false);
  });
});

/** Verbs that may be called, with the flags whose values tmux expands and how many values follow. */
const VERBS: Record<string, { expanded?: string; value?: string; positional?: 'expanded' }> = {
  'new-session': { expanded: 'cns', value: 'xyetFf' },
  'new-window': { expanded: 'cn', value: 'teF' },
  'split-window': { expanded: 'c', value: 'tleF' },
  'respawn-pane': { expanded: 'c', value: 'te' },
  'select-pane': { expanded: 'T', value: 't' },
  'rename-window': { value: 't', positional: 'expanded' },
  'rename-session': { value: 't', positional: 'expanded' },
  'set-option': { value: 't' },
  'move-window': { value: 'st' },
  'resize-window': { value: 'txy' },
  'select-layout': { value: 't' },
  'select-window': { value: 't' },
  'kill-window': { value: 't' },
  'kill-session': { value: 't' },
  'resize-pane': { value: 't' },
  'send-keys': { value: 't' },
  'list-panes': { value: 'tF' },
  'list-windows': { value: 'tF' },
  'list-sessions': { value: 'F' },
  'show-options': { value: 't' },
  'show-environment': { value: 't' },
  'capture-pane': { value: 'tSE' },
  'display-message': { positional: 'expanded' },
  'source-file': {},
  'wait-for': {},
};
/** A format that is constant: names of fields, some with a constant substitution, and a loop over all panes. */
const FORMAT = /#\{(?:s\/(?:[^#:]|\t)*\/:)?@?[a-z_-]+\}/gu;
const LOOP = /#\{W:#\{P: *\}\}/gu;
/** All that these verbs may have expanded: constants, but for numbers of ours. */
const CONSTANT: Record<string, RegExp> = {
  'display-message':
    /^(?:#\{pid\}|#\{@git-session-id\}|S[0-9a-f]{24} #\{pane_id\} #\{&&:#\{pane_dead\},#\{\|\|:#\{m:3\.2\*,#\{version\}\},#\{remain-on-exit-format\}\}\})$/u,
  'set-option': /^#\{\?#\{e\|<\|:\d+,#\{history-limit\}\},#\{history-limit\},\d+\}$/u,
  'if-shell': /^#\{==:#\{@git-session-id\},#\{@git-session-adopting\}\}$/u,
};

function checkCalls(calls: TmuxCall[]): { bad: string[]; verbs: Set<string> } {
  const bad: string[] = [];
  const verbs = new Set<string>();
  const check = (words: string[], where: string) => {
    const verb = words[0]!;
    const rule = VERBS[verb];
    verbs.add(verb);
    if (verb === 'if-shell') {
      const [, flag, , , format = '', command = '', ...more] = words;
      if (flag !== '-F' || more.length > 0 || !CONSTANT[verb]!.test(format)) bad.push(`if-shell: ${where}`);
      return check(wordsOf(command), where);
    }
    if (rule === undefined) return bad.push(`verb ${verb}: ${where}`);
    let rest = false;
    for (let i = 1; i < words.length; i++) {
      const word = words[i]!;
      let kind: 'plain' | 'expanded' | 'format' = 'plain';
      let value = word;
      if (!rest && word === '--') rest = true;
      else if (!rest && /^-[A-Za-z]+$/u.test(word)) {
        const flag = word.at(-1)!;
        if (verb === 'source-file' || verb === 'run-shell') continue;
        if (verb === 'set-option' && word.includes('F')) {
          if (words[4] === 'history-limit' && CONSTANT[verb]!.test(words[5]!)) continue;
          bad.push(`set-option -F: ${where}`);
        }
        if (verb.startsWith('list-') && word.includes('f')) bad.push(`filter: ${where}`);
        if (rule.expanded?.includes(flag) === true) kind = 'expanded';
        else if (flag === 'F') kind = 'format';
        else if (rule.value?.includes(flag) !== true) continue;
        value = words[++i] ?? '';
      } else if (!rest && rule.positional === 'expanded') kind = 'expanded';
      if (kind === 'format' && /#|touch/u.test(value.replaceAll(FORMAT, '').replaceAll(LOOP, '')))
        bad.push(`format ${value}: ${where}`);
      if (kind === 'expanded') {
        const constant = CONSTANT[verb]?.test(value) === true;
        for (const run of constant ? [] : value.matchAll(/#+(?!\[)(?!#)/gu)) {
          if (run[0].length % 2 === 1) bad.push(`unescaped ${value}: ${where}`);
        }
      }
    }
    return undefined;
  };
  for (const { argv, stdin } of calls) {
    const args = argv.filter((a) => a !== '-u' && a !== '-C');
    check(args, args.join(' '));
    for (const line of stdin.split('\n').filter((l) => l !== '')) {
      // Outside of quotes only our own `;` stands between two commands.
      const outside = line.replace(/"(?:[^"\\]|\\[0-7]{3})*"/gu, '""');
      if (/[#$~%{}'\\]/u.test(outside)) bad.push(`not quoted: ${line}`);
      for (const command of splitCommands(line)) check(wordsOf(command), line);
    }
  }
  return { bad, verbs };
}

function splitCommands(line: string): string[] {
  return line.match(/(?:"[^"]*"|[^";])+/gu)?.map((c) => c.trim()) ?? [];
}

describe('A7 to A11, A21: what a snapshot may not hold', () => {
  test('A7, A21, C18, E2 unknown fields: options, hooks, a socket, a worktree path, names that are none', async () => {
    const s = await scene();
    await s.who.tmux('new-session', '-d', '-s', 'mine');
    const touch = `#(touch ${s.canary})`;
    const places: Record<string, (x: Snapshot) => object> = {
      top: (x) => x,
      tmux: (x) => x.tmux,
      session: (x) => x.tmux.sessions[0]!,
      window: (x) => x.tmux.windows[0]!,
      pane: (x) => x.tmux.windows[0]!.panes[0]!,
      relaunch: (x) => x.tmux.windows[0]!.panes[0]!.relaunch,
      git: (x) => x.git,
    };
    const fields = {
      options: { 'status-left': touch, 'default-command': `touch ${s.canary}` },
      hooks: { 'client-attached': `run-shell "touch ${s.canary}"` },
      socket: '../../x',
      worktree: '../../x',
    };
    const wrong: [string, Snapshot][] = Object.entries(places).flatMap(([place, find]) =>
      Object.entries(fields).map(([field, value]): [string, Snapshot] => [
        `${place}.${field}`,
        snapshot(s.head, (x) => void Object.assign(find(x), { [field]: value })),
      ]),
    );
    for (const name of ['A=B', 'A\nB', '', 'A B', '1A', 'BASH_FUNC_ls%%', 'ü']) {
      wrong.push([`env ${name}`, snapshot(s.head, (x) => void (x.env = { [name]: 'x' }))]);
    }
    await eachOf(wrong, ([, value], i) => forge(s.who, s.repo, value, { name: `f${i}` }));
    const before = await stateOf(s.who, s.repo);
    await eachOf(wrong, async ([what], i) => {
      const result = await s.who.gs(s.repo, 'restore', '--run', `f${i}`);
      exits(result, 128);
      const why = what.startsWith('env') ? /bad value at env/u : /unknown field in /u;
      expect([what, result.stderr]).toEqual([what, expect.stringMatching(why)]);
    });
    expect(await stateOf(s.who, s.repo)).toBe(before);
    expect(existsSync(s.canary)).toBe(false);
  });

  const leaf = '80x24,0,0';
  const nested = (depth: number): string => {
    // Each level splits a cell in two, side by side and above each other in turn.
    const cell = (w: number, h: number, x: number, y: number, left: number): string => {
      const head = `${w}x${h},${x},${y}`;
      if (left === 0) return `${head},0`;
      return left % 2 === 0
        ? `${head}{1x${h},${x},${y},0,${cell(w - 2, h, x + 2, y, left - 1)}}`
        : `${head}[${w}x1,${x},${y},0,${cell(w, h - 2, x, y + 2, left - 1)}]`;
    };
    return layout(cell(200, 200, 0, 0, depth));
  };

  type Layout = [what: string, text: string, panes?: number];
  test.each<[id: string, what: string, layouts: Layout[]]>([
    [
      'A8',
      'strings that are no layout',
      [
        ['garbage', 'garbage'],
        ['empty', ''],
        ['no checksum', leaf],
        ['wrong checksum', `0000,${leaf},0`],
        ['checksum only', layout('')],
        ['no size', layout('x,,')],
        ['text behind', layout(`${leaf},0}`)],
        ['open bracket', layout(`${leaf}{40x24,0,0,0,39x24,41,0,1`), 2],
        ['negative', layout('-80x24,0,0,0')],
        ['command', `${layout(`${leaf},0`)}; kill-server`],
        ['newline', `${layout(`${leaf},0`)}\nkill-server`],
      ],
    ],
    [
      'A9',
      'sizes that kill the server',
      [
        ['4e9', layout('4000000000x4000000000,0,0,0')],
        ['100000', layout('100000x24,0,0,0')],
        ['1001', layout('1001x24,0,0,0')],
      ],
    ],
    [
      'A10',
      'sizes that are impossible',
      [
        ['zero', layout('0x0,0,0,0')],
        ['zero rows', layout('80x0,0,0,0')],
        ['overflow', layout(`${2 ** 32 + 80}x${2 ** 32 + 24},0,0,0`)],
        ['one child', layout(`${leaf}{${leaf},0}`)],
        ['more cells', sideBySide([40, 39])],
        ['fewer cells', sideBySide([40, 39]), 3],
        ['sums', layout(`${leaf}{40x24,0,0,0,40x24,41,0,1}`), 2],
        ['sides', layout(`${leaf}{40x24,0,0,0,39x23,41,0,1}`), 2],
        ['place', layout(`${leaf}{40x24,0,0,0,39x24,42,0,1}`), 2],
        ['start', layout('80x24,5,5,0')],
      ],
    ],
    [
      'A11',
      'deep nesting',
      [
        ['depth 33', nested(33), 34],
        ['depth 900', nested(900), 901],
      ],
    ],
  ])('%s %s: refused, and other sessions live', async (_, __, layouts) => {
    const s = await scene();
    await s.who.tmux('new-session', '-d', '-s', 'other');
    await eachOf(layouts, ([, text, count = 1], i) => {
      const forged = snapshot(s.head, (x) => {
        const list = Array.from({ length: Math.min(count, 1000) }, (_, i) =>
          plainPane({ index: i, active: i === 0 }),
        );
        x.tmux.windows = [plainWindow({ panes: list, layout: text })];
      });
      return forge(s.who, s.repo, forged, { name: `f${i}` });
    });
    const before = await stateOf(s.who, s.repo);
    await eachOf(layouts, async ([what], i) => {
      const result = await s.who.gs(s.repo, 'restore', '--run', `f${i}`);
      expect([what, result.code, result.stderr]).toEqual([
        what,
        128,
        expect.stringMatching(/^fatal: invalid layout/u),
      ]);
    });
    // The same server, by its pid, and the same sessions.
    expect(await stateOf(s.who, s.repo)).toBe(before);
  });

  test('A10, A11 odd layouts that are possible come back as they are', async () => {
    const s = await scene();
    await s.who.tmux('new-session', '-d', '-s', 'other');
    const good: [string, number][] = [
      [layout('1x1,0,0,0'), 1],
      [layout('1000x1000,0,0,0'), 1],
      [sideBySide(Array.from({ length: 12 }, () => 1)), 12],
      [layout('20x6,0,0[20x1,0,0,0,20x1,0,2,1,20x2,0,4,2]'), 3],
      [nested(30), 31],
    ];
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = good.map(([text, count], index) =>
        plainWindow({
          ...{ index, layout: text, active: index === 0 },
          panes: Array.from({ length: count }, (_, i) => plainPane({ index: i, active: i === 0 })),
        }),
      );
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    const out = await s.who.tmux('list-windows', '-t', await idOf(s.who, 'forged'), '-F', '#{window_layout}');
    // Without checksum and pane ids.
    const shape = (text: string) => text.slice(5).replaceAll(/(\d+x\d+,\d+,\d+),\d+(?![\dx])/gu, '$1');
    expect(out.split('\n').map(shape)).toEqual(good.map(([text]) => shape(text)));
  });
});

/** argv is exec'd by tmux. */
function exec(argv: TmuxPane['command'] & object): Partial<TmuxPane> {
  return {
    start: { argv },
    relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
  };
}

describe('A12, A13, A16, A17, A22: the commands of a pane', () => {
  test('A12, A13, A16, A17, A22 approved: each argument arrives as it is, and nothing else runs', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const out = path.join(s.who.dir, 'out');
    mkdirSync(out);
    const show = path.join(s.who.dir, 'show');
    // Writes its arguments to a file, each ended by NUL.
    writeFileSync(
      show,
      '#!/bin/sh\nf=$1; shift; printf \'%s\\0\' "$@" > "$f.tmp"; mv "$f.tmp" "$f"; exec sleep 1000\n',
      {
        mode: 0o755,
      },
    );
    const C = s.canary;
    const cases: string[][] = [
      ['hi;', 'run-shell', `touch ${C}`],
      [';', 'run-shell', `touch ${C}`],
      ['\\;', ';;', `; touch ${C}`],
      ['{', '}', `#(touch ${C})`, '#{pid}'],
      [`$(touch ${C})`, `\`touch ${C}\``, '$HOME', '~', '*', '!!', '!x', '^a^b'],
      [`x\u000Ftouch ${C}`, `x\ntouch ${C}\n`, `x\rtouch ${C}\r`],
      [`\u001B[201~\ntouch ${C}\n`, `\u001B[201~touch ${C}\u000F`, '\u0003\u0004\u0015'],
      ["'", '"', "'\\''", '\\', 'a b', '', '-x', '--', '='],
      ['ü', '日本', '\u202E', '\u0080', '\u007F'],
      ['A=B', '%1', '=ls', 'if', '#comment', '&', '|', '>', '<'],
      ['x'.repeat(100_000), 'y'.repeat(20_000)],
    ];
    const files = cases.flatMap((_, i) => [path.join(out, `typed${i}`), path.join(out, `exec${i}`)]);
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(
        ...cases.map((args, i) => [
          typedPane([show, path.join(out, `typed${i}`), ...args]),
          { ...exec([show, path.join(out, `exec${i}`), ...args]), index: 1, active: false },
        ]),
        // One word is a program of that name, for a shell no line.
        [typedPane([`touch ${C}`]), typedPane([`touch ${C}\u000F`], { index: 1, active: false })],
        [typedPane([`\u001B[201~touch ${C}\n`]), typedPane([`A=$(touch ${C})`], { index: 1, active: false })],
      );
    });
    await forge(s.who, s.repo, forged);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--run');
    exits(result, 1); // the last four programs do not exist
    expect(result.stderr).not.toContain('prompt');
    await waitFor(() => files.every((f) => existsSync(f)), 'the commands');
    for (const [i, args] of cases.entries()) {
      for (const how of ['typed', 'exec']) {
        expect(
          readFileSync(path.join(out, `${how}${i}`), 'utf8')
            .split('\0')
            .slice(0, -1),
        ).toEqual(args);
      }
    }
    for (const p of (await panes(s.who, 'forged')).filter((p) => p.window >= cases.length)) {
      await settle(s.who, p.id);
      expect(await s.who.screen(p.id)).toMatch(/not found|No such file/u);
    }
    expect(existsSync(C)).toBe(false);

    // The same without a defence: an argument that ends in `;` starts another tmux command.
    const touched = `${C}-semicolon`;
    await naive(s.who, touched, 'new-window', 'echo', 'hi;', 'run-shell', `touch ${touched}`);
  });

  test('A12, A16, A17 not approved: nothing runs, not even a line of text', async () => {
    const s = await scene();
    await watchTmux(s.who);
    const C = s.canary;
    const evil = ['touch', C];
    const rebuilt = (line: string, steps: string[][] = []): Partial<TmuxPane> => ({
      relaunch: { source: 'foreground', confidence: 'rebuilt', reason: 'pipeline', steps, line },
    });
    const forged = snapshot(s.head, (x) => {
      x.env = { PROMPT_COMMAND: `touch ${C}`, FOO: 'bar', NODE_ENV: 'test' };
      x.tmux.windows = windowsOf(
        [typedPane(evil)],
        [exec(evil)],
        [exec([`touch ${C}`])],
        [{ start: { shell: `touch ${C}` }, relaunch: { ...exec(evil).relaunch! } }],
        // A start command behind another source, as if it were the user's shell.
        [{ start: { argv: evil } }],
        [{ start: { shell: `touch ${C}; exec sh` } }],
        [{ ...exec(evil), relaunch: { ...plainPane().relaunch, source: 'foreground', steps: [] } }],
        [rebuilt(`touch ${C}\u000F`)],
        [rebuilt(`touch ${C}`, [evil])],
        [rebuilt(`\u001B[201~touch ${C}\n`)],
        [typedPane([`touch ${C}\u000F`])],
        [{ ...typedPane(evil), dead: { status: 0 } }],
        [{ ...exec(evil), dead: { status: 0 }, remainOnExit: 'on' }],
      );
    });
    await forge(s.who, s.repo, forged);
    const result = await s.who.gs(s.repo, 'restore', 'forged');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/hint: .*--run/u);
    expect(result.stderr).toMatch(/hint: .*git session allow/u);
    const all = await panes(s.who, 'forged');
    expect(all).toHaveLength(13);
    for (const p of all) {
      await settle(s.who, p.id);
      expect(p.start).not.toContain('touch');
    }
    const env = environmentOf(all[0]!.pid);
    expect(env).toContain('NODE_ENV=test');
    expect(env.filter((e) => /^(?:FOO|PROMPT_COMMAND)=/u.test(e))).toEqual([]);
    expect(existsSync(C)).toBe(false);

    // --no-run says nothing about approval, and runs nothing either.
    const quiet = await s.who.gs(s.repo, 'restore', 'forged', '--no-run', '--as', 'quiet');
    expect(quiet.stderr).not.toContain('approve');
    for (const p of await panes(s.who, 'quiet')) await settle(s.who, p.id);
    expect(existsSync(C)).toBe(false);
  });

  test("A13 a start command of one word is exec'd, not given to a shell", async () => {
    const s = await scene();
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf([{}], [exec([`touch ${s.canary}`])], [exec([`touch ${s.canary};`])]);
    });
    await forge(s.who, s.repo, forged);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--run');
    expect(existsSync(s.canary)).toBe(false);
    exits(result, 1);
    const touched = `${s.canary}-shell`;
    await naive(s.who, touched, 'new-window', `touch ${touched}`);
    // The pane keeps its place (F33).
    const all = await panes(s.who, 'forged');
    expect(all.filter((p) => p.window <= 2)).toHaveLength(3);
    expect(await s.who.screen(all[1]!.id)).toContain('not found');
  });

  test('A16 a command of one pane is not typed into others that are synchronized with it', async () => {
    const s = await scene();
    const out = path.join(s.who.dir, 'ran');
    const forged = snapshot(s.head, (x) => {
      const run = (n: number) =>
        typedPane(['sh', '-c', `echo ${n} $TMUX_PANE >> ${out}`], { index: n, active: n === 0 });
      x.tmux.windows = windowsOf([run(0), run(1), plainPane({ index: 2, active: false })]);
      for (const p of x.tmux.windows[0]!.panes) p.synchronized = true;
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged', '--run');
    const all = await panes(s.who, 'forged');
    const flags = await s.who.tmux(
      'list-panes',
      '-s',
      '-t',
      await idOf(s.who, 'forged'),
      '-F',
      '#{pane_synchronized}',
    );
    expect(flags).toBe('1\n1\n1');
    await settle(s.who, all[0]!.id);
    await settle(s.who, all[1]!.id);
    await settle(s.who, all[2]!.id);
    expect(readFileSync(out, 'utf8').trimEnd().split('\n').toSorted()).toEqual([
      `0 ${all[0]!.id}`,
      `1 ${all[1]!.id}`,
    ]);
  });
});

describe('A14, A15, A18 to A20: names that tmux reads in its own way', () => {
  test('A14, A15 a name is never a target: sessions of like names live', async () => {
    const s = await scene();
    const live = ['foo', 'foobar', 'f*r', '@0', '%0', '$0', '=foo', '!', '{last}', '+1', '-x', '*'];
    for (const name of live) await s.who.tmux('new-session', '-d', '-s', name);
    const before = await sessions(s.who);
    expect(before.size).toBe(live.length);
    const wanted = [
      'fo',
      'f*',
      'f?o',
      'fooba',
      '=foobar',
      '$1',
      '$2',
      '@1',
      '%1',
      '{next}',
      '.',
      '0',
      '-1',
      'a:b.c',
      '^',
      '~',
      '',
    ];
    for (const [i, name] of wanted.entries()) {
      const forged = snapshot(s.head, (x) => void (x.tmux.sessions[0]!.name = name));
      await forge(s.who, s.repo, forged, { name: `f${i}` });
      const result = await s.who.gs(s.repo, 'restore', '--run', `f${i}`);
      const now = await sessions(s.who);
      for (const [known, id] of before) expect([name, known, now.get(known)]).toEqual([name, known, id]);
      // tmux writes `_` for `:` and `.`, and has no session without a name.
      const made = name.replaceAll(/[.:]/gu, '_');
      if (name === '') {
        expect(result.code).toBe(128);
        expect(result.stderr).not.toContain('already exists');
      } else {
        exits(result, 0);
        expect([...now.keys()]).toContain(made);
        expect(before.has(made)).toBe(false);
        before.set(made, now.get(made)!);
      }
    }
    // An existing one is left alone, however the name is written.
    for (const name of ['foo', 'f*r', '-x', '=foo', 'a:b.c', 'a_b.c']) {
      const forged = snapshot(s.head, (x) => void (x.tmux.sessions[0]!.name = name));
      await forge(s.who, s.repo, forged, {
        name: 'again',
        time: `20261121T0900000${live.indexOf(name) + 10}Z`,
      });
      const result = await unchanged(s.who, s.repo, () => s.who.gs(s.repo, 'restore', '--run', 'again'));
      exits(result, 128);
      expect(result.stderr).toContain('already exists');
    }
  });

  test('A18 line breaks, tabs and escapes in a directory forge no records, and come back', async () => {
    const s = await scene();
    writeFileSync(path.join(s.repo, '.git/info/exclude'), '*\n');
    const dirs = [
      'a\nP\t$0\t@0\t%9|evil',
      'b\tc',
      'c\u001B[31m\u0007',
      'd\r',
      'e\\n=0A',
      'f\'"\u202E',
      ' g ',
      'h\n',
    ];
    await s.who.tmux('new-session', '-d', '-s', 'odd', '-c', s.repo);
    for (const [i, dir] of dirs.entries()) {
      mkdirSync(path.join(s.repo, dir));
      const child = await s.who.run(
        'tmux',
        ['-S', s.who.socket, 'new-window', '-d', '-t', `odd:${i + 1}`, 'exec sh'],
        {
          cwd: path.join(s.repo, dir),
        },
      );
      expect(child.code).toBe(0);
    }
    for (const p of (await panes(s.who, 'odd')).slice(1)) {
      await waitFor(() => directoryOf(p.pid).length > 0 && p.pid > 0, 'the pane');
    }
    const saved = await save(s, 'odd');
    expect(saved.tmux.windows.map((w) => w.panes.length)).toEqual(
      Array.from({ length: dirs.length + 1 }, () => 1),
    );
    expect(saved.tmux.windows.slice(1).map((w) => w.panes[0]!.cwd)).toEqual(
      dirs.map((d) => ({ in: 'repo', path: d })),
    );
    await s.who.tmux('kill-session', '-t', '=odd');
    await s.who.ok(s.repo, 'restore', 'odd');
    const back = (await panes(s.who, 'odd')).map((p) => directoryOf(p.pid));
    expect(back).toEqual([s.repo, ...dirs.map((d) => path.join(s.repo, d))]);
  });

  test('D7 a directory, a title and arguments that are not UTF-8 come back byte for byte', async () => {
    const s = await scene();
    const dir = Buffer.concat([Buffer.from(`${s.repo}/bad`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(dir);
    const text = { base64: Buffer.from('bad\u00FF', 'latin1').toString('base64') };
    const forged = snapshot(s.head, (x) => {
      const cwd = {
        in: 'repo' as const,
        path: { base64: Buffer.from([0x62, 0x61, 0x64, 0xff, 0xfe]).toString('base64') },
      };
      x.tmux.windows = windowsOf([typedPane(['cat', '-', text], { cwd })]).map((w) => ({ ...w, name: text }));
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', '--run', 'forged');
    const [pane] = await panes(s.who, 'forged');
    expect(
      readFileSync(`/proc/${pane!.pid}/environ`).includes(Buffer.concat([Buffer.from('PWD='), dir])),
    ).toBe(true);
    const saved = await save(s, 'forged');
    expect(saved.tmux.windows[0]!.panes[0]!.cwd.path).toEqual(forged.tmux.windows[0]!.panes[0]!.cwd.path);
    expect(saved.tmux.windows[0]!.name).toEqual(text);
    await waitFor(async () => (await save(s, 'forged')).tmux.windows[0]!.panes[0]!.command !== null, 'cat');
    expect((await save(s, 'forged')).tmux.windows[0]!.panes[0]!.command).toEqual(['cat', '-', text]);
  });

  test('A19, F36 in the locale C, names keep every character', async () => {
    const s = await scene();
    const name = '日本 ünï é 👩‍💻';
    s.who.env['LC_ALL'] = 'C';
    delete s.who.env['LANG'];
    await s.who.tmux('new-session', '-d', '-s', 'c', '-n', name);
    await s.who.tmux('select-pane', '-t', 'c:', '-T', name);
    const first = await save(s, 'c');
    expect(first.tmux.windows[0]!.name).toBe(name);
    expect(first.tmux.windows[0]!.panes[0]!.title).toBe(name);
    await endServer(s.who);
    await s.who.ok(s.repo, 'restore', 'c');
    expect(await s.who.tmux('list-panes', '-t', 'c:', '-F', '#{window_name}|#{pane_title}')).toBe(
      `${name}|${name}`,
    );
    const second = await save(s, 'c');
    expect(second.tmux.windows).toEqual(
      first.tmux.windows.map((w) => ({ ...w, panes: second.tmux.windows[0]!.panes })),
    );
  });

  test('A20 five rounds of save and restore change no byte of the names', async () => {
    const s = await scene();
    const odd = ['$HOME\\x', '\\\\a', '\\012', 'a=3D', '#{pid}', '##', '#[x]', 'tab\\t', '~', 'x;', 'q\'"'];
    const forged = snapshot(s.head, (x) => {
      x.tmux.sessions[0]!.name = '$HOME\\x #{pid}';
      x.tmux.windows = windowsOf(...odd.map((title) => [{ title }])).map((w, i) => ({ ...w, name: odd[i]! }));
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    const seen = new Set<string>();
    for (let round = 0; round < 5; round++) {
      await s.who.ok(s.repo, 'save', 'odd');
      const saved = await readSaved(s, 'odd');
      const what = saved.tmux.windows.map((w) => [w.name, w.layout, w.panes.map((p) => [p.title, p.cwd])]);
      seen.add(JSON.stringify([saved.tmux.sessions[0]!.name, what]));
      await endServer(s.who);
      await s.who.ok(s.repo, 'restore', 'odd');
    }
    expect([...seen]).toEqual([
      JSON.stringify([
        forged.tmux.sessions[0]!.name,
        forged.tmux.windows.map((w) => [w.name, w.layout, w.panes.map((p) => [p.title, p.cwd])]),
      ]),
    ]);
  });
});

describe('A23, A24: secrets and scrollback', () => {
  test('A23 what the server was started with is in no object', async () => {
    const s = await scene();
    const secret = 'qX7vR2mK9pL4wZ8nB3';
    Object.assign(s.who.env, { MY_API_TOKEN: secret, PLAIN_VARIABLE: `plain-${secret}`, NODE_ENV: 'test' });
    await s.who.tmux('new-session', '-d', '-s', 'work');
    delete s.who.env['MY_API_TOKEN'];
    delete s.who.env['PLAIN_VARIABLE'];
    expect(await s.who.tmux('show-environment', '-g', 'MY_API_TOKEN')).toContain(secret);
    const saved = await save(s, 'work', '--scrollback', '--env', 'MY_API_TOKEN');
    expect(saved.env).toEqual({ NODE_ENV: 'test' });
    const all = await s.who.run('git', ['cat-file', '--batch-all-objects', '--batch'], { cwd: s.repo });
    expect(all.stdout).toContain('git-session/snapshot');
    expect(all.stdout).not.toContain(secret);
  });

  test('A24, B5 scrollback is shown as text: it sets no buffer, title, clipboard, and gets no answer', async () => {
    const s = await scene();
    const ESC = '\u001B';
    const clip = Buffer.from('stolen').toString('base64');
    const evil = [
      `${ESC}]52;c;${clip}${ESC}\\`,
      `${ESC}]52;c;${clip}\u0007`,
      `${ESC}]2;owned\u0007${ESC}]0;owned\u0007${ESC}kowned${ESC}\\\u009D2;owned\u009C`,
      `${ESC}Ptmux;${ESC}${ESC}]2;owned\u0007${ESC}\\${ESC}P+q544e${ESC}\\`,
      `${ESC}[6n${ESC}[c${ESC}[>c${ESC}[5n${ESC}Z`,
      `${ESC}[2J${ESC}[Hhidden${ESC}[8msecret${ESC}[0m`,
      `${ESC}[31mred${ESC}[0m visible`,
      `\u202Ebidi`,
      `touch ${s.canary}\u000F`,
      '',
    ].join('\n');
    const forged = snapshot(s.head, (x) => {
      const scrollback = { path: 'scrollback/0.0', lines: 9, bytes: evil.length, truncated: false };
      const cwd = { in: 'root' as const, path: '/no/such/\u001B]2;owned\u0007\u202E' };
      x.tmux.windows = windowsOf([{ scrollback, title: 'kept' }], [{ cwd, title: 'kept' }]);
    });
    await forge(s.who, s.repo, forged, { files: { 'scrollback/0.0': Buffer.from(evil) } });
    await s.who.tmux('new-session', '-d', '-s', 'other');
    await s.who.tmux('set-option', '-g', 'set-clipboard', 'on');
    await s.who.tmux('set-option', '-g', 'allow-rename', 'on');
    const result = await s.who.gs(s.repo, 'restore', '--run', 'forged');
    exits(result, 1);
    expect(result.stderr + result.stdout).not.toMatch(/[^\n\u0020-\u007E]/u);
    const [pane, missing] = await panes(s.who, 'forged');
    await settle(s.who, pane!.id);
    await settle(s.who, missing!.id);
    expect(await s.who.tmux('list-buffers')).toBe('');
    const state = '#{pane_title}|#{window_name}';
    expect(await s.who.tmux('list-panes', '-s', '-t', await idOf(s.who, 'forged'), '-F', state)).toBe(
      'kept|shell\nkept|shell',
    );
    const shown = await s.who.tmux('capture-pane', '-p', '-e', '-S', '-', '-t', pane!.id);
    expect(shown).toContain('visible');
    expect(shown).toMatch(/\u001B\[31mred/u);
    expect(shown).not.toMatch(/[\u202E]|\u001B\[8m|\u001B\]|stolen/u);
    // An answer of the terminal would have been typed into the shell.
    expect(shown).not.toMatch(/\^\[\[|\d+;\d+R|\d+c\b/u);
    expect(await s.who.screen(missing!.id)).toContain('\\x1b]2;owned\\x07<U+202E>');
    expect(existsSync(s.canary)).toBe(false);

    // The same bytes, written as they are, do reach tmux.
    const file = path.join(s.who.dir, 'evil');
    writeFileSync(file, evil);
    await s.who.tmux('new-session', '-d', '-s', 'naive', `cat ${file}; exec sleep 1000`);
    await waitFor(async () => (await s.who.tmux('list-buffers')).includes('stolen'), 'the buffer');
  });
});

/** Saves and gives the snapshot as it was stored. */
async function save(s: Scene, session: string, ...args: string[]): Promise<Snapshot> {
  await s.who.ok(s.repo, 'save', session, ...args);
  return readSaved(s, session);
}

async function readSaved(s: Scene, session: string): Promise<Snapshot> {
  const refs = await s.who.git(s.repo, 'for-each-ref', '--format=%(refname)', `refs/sessions/${session}`);
  const ref = refs.split('\n').findLast((r) => r.endsWith('/snapshot'))!;
  return JSON.parse(await s.who.git(s.repo, 'cat-file', 'blob', ref)) as Snapshot;
}
