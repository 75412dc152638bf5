import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildStructure, type BuildSession, finishCommands, publish } from '../../src/tmux/build.ts';
import { ControlClient } from '../../src/tmux/control.ts';
import {
  decodeField,
  encoded,
  quote,
  quoteExpanded,
  splitStartCommand,
  unvis,
} from '../../src/tmux/syntax.ts';
import { Tmux } from '../../src/tmux/tmux.ts';
import { anyBytes, HOSTILE } from '../support/arbitrary.ts';
import { canary } from '../support/forge.ts';
import { person, type Person, waitFor } from '../support/harness.ts';

const tmuxOf = (who: Person) => new Tmux(['tmux', '-S', who.socket, '-f', '/dev/null']);

async function fields(tmux: Tmux, format: string, ...list: string[]): Promise<Buffer[]> {
  const out = await tmux.ok([...list, '-F', format]);
  return out
    .toString('latin1')
    .split('\n')
    .slice(0, -1)
    .map((line) => Buffer.from(line, 'latin1'));
}

/** Values that are hostile by hand and by chance. What tmux refuses as a name (nothing) is left out. */
function hostileValues(touched: string): Buffer[] {
  const jobs = [
    `#(touch ${touched})`,
    `##(touch ${touched})`,
    `#{?1,#(touch ${touched}),}`,
    `x;run "touch ${touched}"`,
  ];
  const random = fc.sample(anyBytes(), { numRuns: 60, seed: 20261121 });
  return [...[...HOSTILE, ...jobs].map((h) => Buffer.from(h)), ...random].filter((v) => v.length > 0);
}

describe('hostile values through a real tmux', () => {
  it('A1, A4, A18, A20: window names, titles and options come back byte for byte, and none of them runs', async () => {
    const ann = person();
    const tmux = tmuxOf(ann);
    const touched = canary(ann);
    const values = hostileValues(touched);
    await tmux.ok(['new-session', '-d', '-s', 's', '-x', '80', '-y', '24', 'cat']);
    await tmux.ok(['set-option', '-g', 'allow-rename', 'off']);
    // A job dies with the client that caused it, so the client stays until the end.
    const client = await ControlClient.open(tmux);
    try {
      await client.run(
        values.flatMap((value, i) => [
          `new-window -d -t s:${i + 1} -n ${quoteExpanded(value)} cat`,
          `rename-window -t s:${i + 1} -- ${quoteExpanded(value)}`,
          `set-option -w -t s:${i + 1} @value ${quote(value)}`,
          `select-pane -t s:${i + 1} -T ${quoteExpanded(value)}`,
        ]),
      );
      const list = (field: string) => fields(tmux, encoded(field), 'list-windows', '-t', 's');
      const names = (await list('window_name')).slice(1).map((f) => unvis(decodeField(f)));
      expect(names.map(String)).toEqual(values.map(String));
      expect(names).toEqual(values);
      expect((await list('@value')).slice(1).map(decodeField)).toEqual(values);
      // tmux takes no title with a control character, or one that is not UTF-8, or not assigned: the old one stays.
      const [untouched, ...titles] = (await list('pane_title')).map((f) => decodeField(f));
      const changed = values
        .map((value, i) => [value, titles[i]!])
        .filter(([, title]) => !title!.equals(untouched!));
      expect(changed.map(([, title]) => title)).toEqual(changed.map(([value]) => value));
      const printable = values.filter((value) => /^[\x20-\x7e]+$/u.test(value.toString('latin1')));
      expect(changed.map(([value]) => value)).toEqual(expect.arrayContaining(printable));

      // A job that may run does: so the others had the time to.
      const ran = path.join(ann.dir, 'ran');
      await client.run([`display-message -p ${quote(`#(touch ${ran})`)}`]);
      await waitFor(() => existsSync(ran), 'the job that is allowed');
      expect(existsSync(touched)).toBe(false);
    } finally {
      await client.close();
    }
  });

  it('A12, A13: a program gets 30 hostile arguments as they are, and pane_start_command gives them back', async () => {
    const ann = person();
    const tmux = tmuxOf(ann);
    const touched = canary(ann);
    const args = hostileValues(touched).slice(0, 60);
    await tmux.ok(['new-session', '-d', '-s', 's', '-x', '80', '-y', '24', 'cat']);
    const commands = [args.slice(0, 30), args.slice(30)].map((part, i) => {
      const file = path.join(ann.dir, `argv${i}`);
      const script = `printf '%s\\0' "$@" > ${file}.part; mv ${file}.part ${file}; exec cat`;
      return { file, argv: ['/bin/sh', '-c', script, 'sh', ...part].map((a) => Buffer.from(a)) };
    });
    const client = await ControlClient.open(tmux);
    try {
      for (const { argv } of commands)
        await client.run([`new-window -d -t s: -- ${argv.map((w) => quote(w)).join(' ')}`]);
    } finally {
      await client.close();
    }
    const started = (await fields(tmux, encoded('pane_start_command'), 'list-panes', '-s', '-t', 's:')).slice(
      1,
    );
    expect(started.map((f) => splitStartCommand(decodeField(f)))).toEqual(commands.map(({ argv }) => argv));
    for (const { file, argv } of commands) {
      await waitFor(() => existsSync(file), 'the program to write its arguments');
      expect(readFileSync(file)).toEqual(
        Buffer.concat(argv.slice(4).map((a) => Buffer.concat([a, Buffer.from([0])]))),
      );
    }
    expect(existsSync(touched)).toBe(false);
  });

  it('A13: one word stays one word, which tmux gave to a shell', async () => {
    const ann = person();
    const tmux = tmuxOf(ann);
    await tmux.ok(['new-session', '-d', '-s', 's', '-x', '80', '-y', '24', 'cat']);
    await tmux.ok(['set-option', '-g', 'remain-on-exit', 'on']);
    const lines = ['cat "a  b" $HOME # x', "exec cat 'it''s' ; true", 'cat; # \\ ~ {'];
    const client = await ControlClient.open(tmux);
    try {
      await client.run(lines.map((line) => `new-window -d -t s: -- ${quote(line)}`));
    } finally {
      await client.close();
    }
    const started = (await fields(tmux, encoded('pane_start_command'), 'list-panes', '-s', '-t', 's:')).slice(
      1,
    );
    expect(started.map((f) => splitStartCommand(decodeField(f)).map(String))).toEqual(lines.map((l) => [l]));
  });

  it('A12: a window and a session that are named like an option get their names back', async () => {
    const ann = person();
    const tmux = tmuxOf(ann);
    const client = await ControlClient.open(tmux);
    try {
      const session: BuildSession = {
        ...{ temporaryName: 'building', name: Buffer.from('-s'), environment: [], cwd: Buffer.from('/') },
        historyLimit: { lines: 50_000, orMore: true },
        ...{ activeWindow: 1, lastWindow: null, members: [], options: [['@x', '-y']], statusLabel: '' },
        windows: ['-x', '--', '-t other'].map((name, i) => ({
          ...{ index: i + 1, name: Buffer.from(name), width: 80, height: 24, layout: 'b25d,80x24,0,0,0' },
          ...{ zoomed: false, automaticRename: false },
          panes: [
            {
              ...{
                cwd: Buffer.from('/'),
                title: Buffer.from('-z'),
                start: ['cat', '-'].map((w) => Buffer.from(w)),
              },
              ...{ prelude: null, active: true, last: false, remainOnExit: 'off', synchronized: false },
            },
          ],
        })),
      };
      const built = await buildStructure(client, session, 'test', '/bin/sh');
      const globals = { automaticRename: true, statusRight: '', shell: '/bin/sh', serverPid: 0 };
      await client.run(finishCommands(session, built, globals, 'test'));
      expect(await publish(client, built.id, session.name)).toBe(true);
      expect((await fields(tmux, '#{window_name}', 'list-windows', '-t', '=-s:')).map(String)).toEqual([
        '-x',
        '--',
        '-t other',
      ]);
    } finally {
      await client.close();
    }
  });

  it('A3: a directory with a job in its name is only a directory', async () => {
    const ann = person();
    const tmux = tmuxOf(ann);
    const touched = canary(ann);
    const hostile = [
      `#(touch ${path.basename(touched)})`,
      'a\nb\tc',
      'sp ace;',
      '日本',
      '#{pane_id}',
      '~',
      '$HOME',
    ];
    await tmux.ok(['new-session', '-d', '-s', 's', '-x', '80', '-y', '24', 'cat']);
    const dirs = hostile.map((name) => path.join(ann.dir, name));
    for (const dir of dirs) await ann.run('mkdir', ['--', dir]);
    const client = await ControlClient.open(tmux);
    try {
      await client.run(dirs.map((dir) => `new-window -d -t s: -c ${quoteExpanded(dir)} cat`));
      const list = () => fields(tmux, encoded('pane_current_path'), 'list-panes', '-s', '-t', 's:');
      await waitFor(
        async () =>
          (await list())
            .slice(1)
            .map((f) => decodeField(f).toString())
            .join('|') === dirs.join('|'),
        'the panes to be in their directories',
      );
      expect(existsSync(touched)).toBe(false);
    } finally {
      await client.close();
    }
  });
});
