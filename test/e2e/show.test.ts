import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { describe, expect, test } from 'vitest';
import { forge, forgeBytes, plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';
import { layoutText } from '../support/layouts.ts';

async function scene(): Promise<{ ann: Person; repo: string; head: string }> {
  const ann = person();
  const repo = await ann.repo();
  return { ann, repo, head: await ann.git(repo, 'rev-parse', 'HEAD') };
}

/** Runs the program on a terminal until it ends, and gives what came there. */
async function onTerminal(
  who: Person,
  cwd: string,
  args: string[],
  { env = {} }: { env?: Record<string, string> } = {},
): Promise<string> {
  const pty = spawn(PROGRAM, args, { cwd, cols: 80, rows: 24, env: { ...who.env, ...env } });
  let out = '';
  let ended = false;
  pty.onData((data) => (out += data));
  pty.onExit(() => (ended = true));
  await waitFor(() => ended, `${args.join(' ')} to end; it said: ${out}`);
  return out;
}

describe('git session show', () => {
  test('S1 to S7: what was saved, drawn and in words; the newest of all by default', async () => {
    const { ann, repo, head } = await scene();
    await ann.tmux(
      'new-session',
      '-d',
      '-s',
      'work',
      '-x',
      '120',
      '-y',
      '40',
      '-n',
      'main',
      '-c',
      repo,
      'sleep 321',
    );
    await ann.tmux('split-window', '-h', '-t', 'work', '-c', '/tmp');
    await ann.tmux('set-environment', '-t', 'work', 'FOO', "b'ar");
    await ann.waitForCommand('work:0.0', 'sleep');
    await ann.ok(repo, 'save', '-m', 'before lunch\n\nmore', '--crq', 'CRQ-7', '--env', 'FOO');
    const text = await ann.ok(repo, 'show');
    expect(text).toMatch(/^snapshot work\/\d{8}T/u);
    for (const line of [
      'Saved by:  ann <ann@example.org>',
      "tmux:      'work'",
      `Commit:    ${head} (on main)`,
      'Work:      clean',
      'CRQ:       CRQ-7',
      String.raw`Env:       FOO=$'b\'ar'`,
      'Commands:  1 pane starts one; saved by this clone: a restore starts them',
      '    before lunch',
      '    more',
      "Window 0 'main' 120x40 (active)",
      '  0.0  .',
      '  0.1*  /tmp',
      '        $ sleep 321',
      '        a restore starts, by the shell: sleep 321 (the pane was created with it; exact)',
      '        a restore opens a shell (the shell was at its prompt; exact)',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/│ 0 +│ 1\* +│/u);
    expect(text).toMatch(/│ sleep 321 +│/u);
    for (const line of text.split('\n')) if (/[│┌└]/u.test(line)) expect(line.length).toBeLessThanOrEqual(78);
    expect((await ann.ok(repo, 'show', 'work')).split('\n')[0]).toBe(text.split('\n')[0]);
  });

  test("S1: --json has the snapshot's own fields and where it lies, --raw its bytes", async () => {
    const { ann, repo, head } = await scene();
    const forged = await forge(ann, repo, plainSnapshot(head));
    const json = JSON.parse(await ann.ok(repo, 'show', 'forged', '--json'));
    const context = await ann.git(repo, 'rev-parse', `refs/sessions/forged/${forged.id}/context`);
    expect(json).toMatchObject({ ...plainSnapshot(head), ref: forged.ref, oid: forged.oid, context });
    expect(json.tmux.windows).toHaveLength(1);
    const raw = await ann.gs(repo, 'show', '--raw', forged.oid.slice(0, 8));
    const blob = await ann.run('git', ['cat-file', 'blob', forged.oid], { cwd: repo });
    expect(raw.bytes.equals(blob.bytes)).toBe(true);
    expect((await ann.gs(repo, 'show', '--raw', '--json')).code).toBe(129);
    // What others have saved since does not get before our own.
    const newer = await forge(
      ann,
      repo,
      { ...plainSnapshot(head), message: 'theirs' },
      { time: '20300101T000000000Z' },
    );
    await ann.git(repo, 'update-ref', newer.ref.replace('sessions', 'remote-sessions/origin'), newer.oid);
    await ann.git(repo, 'update-ref', '-d', newer.ref);
    expect(JSON.parse(await ann.ok(repo, 'show', '--json'))).toMatchObject({ oid: forged.oid });
  });

  test('Q1: CRQs that were linked afterwards are among them', async () => {
    const { ann, repo, head } = await scene();
    const forged = await forge(ann, repo, plainSnapshot(head));
    const data = { crq: 'CRQ-9', title: 'Nine', snapshots: [forged.id] };
    const record = { at: 'x', clone: 'c', data, sequence: 1, type: 'crq-linked', version: 1 };
    const input = `${JSON.stringify(record)}\n`;
    const { stdout } = await ann.run('git', ['hash-object', '-w', '--stdin'], { cwd: repo, input });
    await ann.git(
      repo,
      'update-ref',
      'refs/sessions/forged/20270101T000000000Z-00000000/events',
      stdout.trim(),
    );
    expect(await ann.ok(repo, 'show')).toContain('CRQ:       CRQ-9  Nine');
    expect(JSON.parse(await ann.ok(repo, 'show', '--json'))).toMatchObject({
      crqs: [{ id: 'CRQ-9', title: 'Nine' }],
    });
  });

  test("somebody else's snapshot says that its commands need a yes, and that its commit is not here", async () => {
    const { ann, repo } = await scene();
    const s = plainSnapshot('1'.repeat(40));
    s.git.work = '2'.repeat(40);
    s.git.changes.staged = 3;
    s.tmux.windows = [plainWindow({ panes: [typedPane(['make', 'all'])] })];
    await forge(ann, repo, s);
    const text = await ann.ok(repo, 'show');
    expect(text).toContain('1 pane starts one; not approved: a restore starts them only with --run');
    expect(text).toContain(`Commit:    ${'1'.repeat(40)} (on main) - not in this repository`);
    expect(text).toContain(`Work:      ${'2'.repeat(40)} (3 staged) - not in this repository`);
    expect(JSON.parse(await ann.ok(repo, 'show', '--json'))).toMatchObject({
      approval: { commands: 1, state: 'none' },
    });
  });

  test('A8, A10: a layout that is none, or is for other panes, is not drawn, and the legend is whole', async () => {
    const { ann, repo, head } = await scene();
    const s = plainSnapshot(head);
    s.tmux.windows = [
      plainWindow({ layout: 'garbage\u001b', panes: [typedPane(['one'])] }),
      plainWindow({ index: 1, panes: [plainPane(), typedPane(['two'], { index: 1 })] }),
      plainWindow({ index: 2, layout: layoutText('4000000000x24,0,0,0') }),
    ];
    await forge(ann, repo, s);
    const text = await ann.ok(repo, 'show');
    expect(text.match(/\(not drawn: /gu)).toHaveLength(3);
    expect(text).toContain('(not drawn: the layout is for 1 panes)');
    expect(text).toContain('$ one');
    expect(text).toContain('$ two');
  });

  test('B1, B3, B4: nothing of a forged snapshot reaches the terminal as it is', async () => {
    const { ann, repo, head } = await scene();
    const x = 'x\u001b]52;c;eA==\u0007\u009b31m\u202e\u200b\r\b\u007f\udb40\udc41\n\t';
    const s = plainSnapshot(head);
    s.savedBy = { name: x, email: x };
    s.host = { name: x, os: x, arch: x, tmux: x, tool: x };
    s.message = x;
    s.crqs = [{ id: 'CRQ-1', title: x, status: x, path: x }];
    s.env = { FOO: x };
    Object.assign(s.git, {
      branch: x,
      upstream: x,
      leftOut: [{ path: x, reason: x }],
      remotes: [{ name: x, url: x }],
    });
    s.state = { name: 'failed', error: x };
    s.redactions = [{ rule: x, where: x }];
    Object.assign(s.tmux.sessions[0]!, { name: x, group: x });
    const pane = typedPane(['sh', '-c', `evil\r echo ok${x}`], { title: x, cwd: { in: 'root', path: x } });
    s.tmux.windows = [plainWindow({ name: x, panes: [{ ...pane, start: { argv: [x, x] } }] })];
    await forge(ann, repo, s);
    for (const args of [
      ['show'],
      ['show', '--json'],
      ['log'],
      ['log', '--json'],
      ['log', '--oneline'],
      ['graph'],
      ['graph', '--json'],
      ['graph', '--format', 'dot'],
    ]) {
      const { stdout, stderr, code } = await ann.gs(repo, ...args);
      expect(code).toBe(0);
      expect(stdout + stderr).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    }
    const text = await ann.ok(repo, 'show');
    expect(text).toContain(String.raw`evil\r echo ok`);
    expect(text).toContain('<U+202E>');
    expect(JSON.parse(await ann.ok(repo, 'show', '--json'))).toMatchObject({ message: x });
    // --raw is for programs; a terminal gets it readable.
    const shown = await onTerminal(ann, repo, ['show', '--raw']);
    expect(shown).not.toMatch(/[\u202e\u009b]/u);
  });

  test('a foreign ref is shown by its object id, never by its name', async () => {
    const { ann, repo, head } = await scene();
    const forged = await forge(ann, repo, plainSnapshot(head));
    await ann.git(repo, 'update-ref', 'refs/sessions/$(id)/x', forged.oid);
    await ann.git(repo, 'update-ref', '-d', forged.ref);
    expect(await ann.ok(repo, 'show', forged.oid.slice(0, 10))).toMatch(
      new RegExp(`^snapshot ${forged.oid}\n`, 'u'),
    );
    expect((await ann.ok(repo, 'show', '--raw', forged.oid)).startsWith('{')).toBe(true);
    const byName = await ann.gs(repo, 'show', '$(id)');
    expect(byName).toMatchObject({ code: 1, stdout: '' });
  });

  test('what can not be shown is an error of its own kind', async () => {
    const { ann, repo, head } = await scene();
    expect(await ann.gs(repo, 'show')).toMatchObject({ code: 1 });
    await forgeBytes(ann, repo, Buffer.from('{"cut'), { name: 'cut' });
    await forge(ann, repo, { ...plainSnapshot(head), version: 7 }, { name: 'newer' });
    await forgeBytes(ann, repo, Buffer.alloc(5 * 1024 * 1024, 32), { name: 'large' });
    const code = async (...args: string[]) => {
      const result = await ann.gs(repo, 'show', '--json', ...args);
      return [result.code, JSON.parse(result.stdout).error.code];
    };
    expect(await code('cut')).toEqual([128, 'damaged']);
    expect(await code('newer')).toEqual([128, 'unsupported-version']);
    expect(await code('large')).toEqual([128, 'too-large']);
    expect(await code('nobody')).toEqual([1, 'not-found']);
    expect(await code('c2', 'd')).toEqual([129, 'usage']);
    // Its bytes can be looked at all the same.
    expect(await ann.ok(repo, 'show', '--raw', 'cut')).toBe('{"cut');
    expect((await ann.gs(repo, 'show', '--raw', 'large')).code).toBe(128);
    expect((await ann.gs(repo, 'show', `--output=${path.join(ann.dir, 'x')}`)).code).toBe(129);
  });

  test('a locale without UTF-8 gets a drawing of ASCII', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, plainSnapshot(head));
    const { stdout } = await ann.gsWith({ cwd: repo, env: { LANG: 'C', LC_ALL: 'C' } }, 'show');
    expect(stdout).toMatch(/^ {2}\+-+\+$/mu);
    expect(stdout).toMatch(/^[\n -~]*$/u);
  });
});

describe('the pager', () => {
  test('on a terminal it is the one that git would use, with its settings', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, plainSnapshot(head));
    const pager = { GIT_PAGER: `sh -c 'echo paged $LESS $LV $GIT_PAGER_IN_USE; cat'` };
    for (const verb of ['show', 'log', 'graph']) {
      const out = await onTerminal(ann, repo, [verb], { env: pager });
      expect(out).toMatch(/^paged FRX -c true\r\n/u);
      expect(out).toMatch(/forged/u);
    }
    expect(await onTerminal(ann, repo, ['show'], { env: { ...pager, LESS: 'mine' } })).toContain(
      'paged mine',
    );
    for (const none of ['cat', '']) {
      const out = await onTerminal(ann, repo, ['show'], { env: { GIT_PAGER: none } });
      expect(out).toMatch(/^snapshot forged/u);
    }
    // A pipe has none, and JSON and errors neither.
    expect((await ann.gsWith({ cwd: repo, env: pager }, 'show')).stdout).toMatch(/^snapshot/u);
    expect(await onTerminal(ann, repo, ['show', '--json'], { env: pager })).toMatch(/^\{/u);
    expect(await onTerminal(ann, repo, ['show', 'nobody'], { env: pager })).not.toContain('paged');
  });

  test('pager.session switches it off, or names another one', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, plainSnapshot(head));
    await ann.git(repo, 'config', 'core.pager', 'echo core; cat');
    expect(await onTerminal(ann, repo, ['show'])).toMatch(/^core\r\n/u);
    await ann.git(repo, 'config', 'pager.session', 'echo own; cat');
    expect(await onTerminal(ann, repo, ['show'])).toMatch(/^own\r\n/u);
    await ann.git(repo, 'config', 'pager.session', 'false');
    expect(await onTerminal(ann, repo, ['show'])).toMatch(/^snapshot/u);
    await ann.git(repo, 'config', 'pager.session', 'no-such-pager');
    expect(await onTerminal(ann, repo, ['show'])).toMatch(/^snapshot forged/mu);
  });

  test('a reader who leaves early ends it quietly', async () => {
    const { ann, repo, head } = await scene();
    for (let i = 0; i < 3; i++) {
      const s = plainSnapshot(head);
      s.message = 'long\n'.repeat(20_000);
      await forge(ann, repo, s, { time: `2026010${i + 1}T000000000Z` });
    }
    const out = await onTerminal(ann, repo, ['log'], { env: { GIT_PAGER: 'head -2' } });
    expect(out.trim().split('\r\n')).toHaveLength(2);
    const piped = await ann.run('sh', ['-c', 'git session log | head -1; echo done'], { cwd: repo });
    expect(piped).toMatchObject({ code: 0, stderr: '' });
    expect(piped.stdout).toMatch(/^snapshot .*\ndone\n$/u);
  });
});

describe('show of live sessions', () => {
  test('S17 looking is noted, and the id stays', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    const look = async () =>
      JSON.parse(await ann.ok(repo, 'show', '--json', 'work')) as Record<
        'id' | 'createdAt' | 'lastAccessedAt',
        string
      > & {
        session?: { id: string };
      };
    const [first, second] = [await look(), await look()];
    expect(second.id).toBe(first.id);
    expect(second.createdAt).toBe(first.createdAt);
    expect(Date.parse(second.lastAccessedAt)).toBeGreaterThan(Date.parse(first.lastAccessedAt));
    await ann.ok(repo, 'save', '-t', 'work');
    const third = await look();
    expect(third.session!.id).toBe(first.id);
    expect(Date.parse(third.lastAccessedAt)).toBeGreaterThan(Date.parse(second.lastAccessedAt));
  });

  test('one that was never saved is shown by its record, running or not', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.gs(repo, 'run', '--wait', '--id', 'prices', '--meta', 'a=b', 'exit 3');
    await ann.killServer();
    const text = await ann.ok(repo, 'show', 'prices');
    expect(text).toMatch(/^session gs-run-prices-\d{14}$/mu);
    expect(text).toMatch(/^Status: +failed, exit 3$/mu);
    expect(text).toMatch(/^Command: +exit 3$/mu);
    expect(text).toMatch(/^Note: +a=b$/mu);
    expect((await ann.gs(repo, 'show', 'nothing')).code).toBe(1);
  });
});
