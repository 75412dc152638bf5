import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, type Terminal } from '../support/terminal.ts';

const PLUGIN = path.resolve(import.meta.dirname, '../../git-session.tmux');
const PREFIX = '\x02';
const ALT_S = '\x1bs';
const ALT_R = '\x1br';
const ALT_G = '\x1bg';

async function started(): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '120', '-y', '39', '-c', repo);
  // As a person has it who never heard of this setting.
  await ann.git(repo, 'config', '--global', '--unset', 'session.tmuxCommand');
  return { ann, repo };
}

function attached(ann: Person, repo: string, name = 'work'): Terminal {
  return shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach-session', '-t', `=${name}`]);
}

async function bindings(ann: Person): Promise<Record<string, string>> {
  const lines = (await ann.tmux('list-keys', '-T', 'prefix')).split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const [, key = '', command = ''] = /-T prefix +(\S+) +(.*)$/u.exec(line) ?? [];
      return [key, command];
    }),
  );
}

test('binds three keys that tmux leaves free, and none of them runs #(...)', async () => {
  const { ann } = await started();
  const before = await bindings(ann);
  await ann.tmux('run-shell', PLUGIN);
  const after = await bindings(ann);
  const added = Object.keys(after).filter((key) => !(key in before));
  expect(added.toSorted()).toEqual(['M-g', 'M-r', 'M-s']);
  for (const key of Object.keys(before)) expect(after[key]).toBe(before[key]);
  expect(Object.values(after).join('\n')).not.toContain('#(');
  expect(await ann.tmux('list-keys', '-N', '-T', 'prefix')).toContain('Save the session (git session)');
  // Once more, as a configuration that is read again does.
  await ann.tmux('run-shell', PLUGIN);
  expect(await bindings(ann)).toEqual(after);
});

test("a user's own binding survives, unless the option names its key", async () => {
  const { ann } = await started();
  await ann.tmux('bind-key', 'M-s', 'display-message', 'mine');
  await ann.tmux('bind-key', 'M-g', 'choose-tree', '-s');
  await ann.tmux('set-option', '-g', '@git-session-restore-key', 'none');
  await ann.tmux('run-shell', PLUGIN);
  const keys = await bindings(ann);
  expect(keys).toMatchObject({ 'M-s': 'display-message mine', 'M-g': 'choose-tree -s' });
  expect(keys).not.toHaveProperty('M-r');
  await ann.tmux('set-option', '-g', '@git-session-save-key', 'M-s');
  await ann.tmux('set-option', '-g', '@git-session-switch-key', 'S');
  await ann.tmux('run-shell', PLUGIN);
  const asked = await bindings(ann);
  expect(asked['M-s']).toMatch(/^run-shell .* save /u);
  expect(asked['S']).toMatch(/^choose-tree .*@git-session-id/u);
  expect(asked['M-g']).toBe('choose-tree -s');
});

test('C15 the save key saves the session of the pane, and says so', async () => {
  const { ann, repo } = await started();
  await ann.tmux('new-session', '-d', '-s', 'other', '-c', repo);
  await ann.tmux('run-shell', PLUGIN);
  const screen = attached(ann, repo);
  await screen.waitForScreen(/\[work\]/u);
  screen.type(PREFIX + ALT_S);
  await screen.waitForScreen(/Saved work\/\d{8}T/u);
  const refs = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/*/*/snapshot');
  expect(refs).toMatch(/^refs\/sessions\/work\/\S+$/u);
});

test('the save key shows an error as it is, and runs nothing of it', async () => {
  const { ann, repo } = await started();
  const hostile = path.join(repo, '#(touch pwned) 100% #{pid}');
  mkdirSync(path.join(hostile, '.git'), { recursive: true });
  writeFileSync(path.join(hostile, '.git/HEAD'), 'ref: refs/heads/main\n');
  await ann.tmux('run-shell', PLUGIN);
  const screen = attached(ann, repo);
  await screen.waitForScreen(/\[work\]/u);
  await ann.git(repo, 'config', '--global', 'session.enabled', 'false');
  screen.type(PREFIX + ALT_S);
  await screen.waitForScreen(/fatal: git session is switched off here/u);
  // A program beside the plugin that says what it likes: the plugin is given its own folder.
  const folder = path.join(ann.dir, "it's #{pid} here");
  mkdirSync(path.join(folder, 'bin'), { recursive: true });
  mkdirSync(path.join(folder, 'dist'));
  writeFileSync(path.join(folder, 'dist/cli.cjs'), '');
  copyFileSync(PLUGIN, path.join(folder, 'git-session.tmux'));
  const program = path.join(folder, 'bin/git-session');
  writeFileSync(program, "#!/bin/sh\nprintf '%s\\n' 'fatal: #(touch pwned) 100%H #{pid} \x1b[31m.'\n");
  chmodSync(program, 0o755);
  chmodSync(path.join(folder, 'git-session.tmux'), 0o755);
  const run = `'${folder.replace(/'/gu, String.raw`'\''`).replace(/#/gu, '##')}/git-session.tmux'`;
  await ann.tmux('run-shell', run);
  await waitFor(async () => (await bindings(ann))['M-s']!.includes('here'), 'the binding');
  screen.type(PREFIX + ALT_S);
  await screen.waitForScreen(/fatal: #\(touch pwned\) 100%H #\{pid\} \[31m\./u);
  expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
});

test('the switch key shows the sessions of ours, and goes to the one that is chosen', async () => {
  const { ann, repo } = await started();
  await ann.tmux('run-shell', PLUGIN);
  for (const name of ['apple', 'berry', 'foreign'])
    await ann.tmux('new-session', '-d', '-s', name, '-c', repo);
  const env = { PATH: ann.env['PATH'] };
  await ann.git(repo, 'config', '--global', 'session.tmuxCommand', `tmux -S ${ann.socket}`);
  for (const name of ['apple', 'berry', 'work']) {
    expect((await ann.gsWith({ cwd: repo, env }, 'save', '-t', name)).code).toBe(0);
  }
  const screen = attached(ann, repo);
  await screen.waitForScreen(/\[work\]/u);
  screen.type(PREFIX + ALT_G);
  for (const name of ['work', 'apple', 'berry']) {
    await screen.waitForScreen(new RegExp(String.raw`\(\d\) \+ ${name}: 1 windows`, 'u'));
  }
  expect(screen.screen().join('\n')).not.toContain('foreign:');
  // Entries have the keys 0, 1, 2.
  const berry = screen.screen().find((line) => line.includes('berry: '));
  screen.type(/\((\d)\)/u.exec(berry ?? '')![1]!);
  await waitFor(
    async () => (await ann.tmux('list-clients', '-F', '#{session_name}')) === 'berry',
    'the switch to berry',
  );
});

test.each([true, false])('the restore key offers what is saved, and goes there (fzf: %s)', async (fzf) => {
  const { ann, repo } = await started();
  await ann.git(repo, 'config', '--global', 'session.tmuxCommand', `tmux -S ${ann.socket}`);
  for (const name of ['first', 'second']) {
    await ann.tmux('new-session', '-d', '-s', name, '-c', repo);
    await ann.ok(repo, 'save', '-t', name);
    await ann.tmux('kill-session', '-t', `=${name}`);
  }
  await ann.ok(repo, 'save', '-t', 'work');
  await ann.git(repo, 'config', '--global', '--unset', 'session.tmuxCommand');
  // Only the programs that are needed, so that an fzf of this machine is not found.
  const bin = path.join(ann.dir, 'bin');
  mkdirSync(bin);
  for (const name of [
    'git',
    'tmux',
    'node',
    'sh',
    'sed',
    'awk',
    'tr',
    'grep',
    'head',
    'dirname',
    'sort',
    'cat',
    'rm',
  ]) {
    const dirs = (process.env['PATH'] ?? '').split(':');
    const found = dirs.map((dir) => path.join(dir, name)).find((file) => existsSync(file));
    if (found !== undefined) symlinkSync(found, path.join(bin, name));
  }
  if (fzf) {
    writeFileSync(path.join(bin, 'fzf'), '#!/bin/sh\nprintf "fzf: %s\\n" "$*" >&2\ngrep "^first "\n');
    chmodSync(path.join(bin, 'fzf'), 0o755);
  }
  await ann.tmux('set-environment', '-g', 'PATH', `${bin}:${path.dirname(PROGRAM)}`);
  await ann.tmux('run-shell', PLUGIN);
  const screen = attached(ann, repo);
  await screen.waitForScreen(/\[work\]/u);
  screen.type(PREFIX + ALT_R);
  if (!fzf) {
    await screen.waitForScreen(/1 {2}\w+ [^]*2 {2}\w+ [^]*Restore which\?/u);
    const shown = screen.screen().join('\n');
    expect(shown).not.toMatch(/\d {2}work /u);
    screen.type(`${/(\d) {2}first /u.exec(shown)![1]!}\r`);
  }
  await waitFor(
    async () => (await ann.tmux('list-clients', '-F', '#{session_name}')) === 'first',
    'the restored session on the terminal',
  );
  await screen.waitForScreen(/\[first\]/u);
});

test.each([
  ['nothing is saved', null, /Nothing is saved here that is not running\./u],
  ['a number that there is not', '7', /There is no number 7\./u],
  ['no number', 'first', /'first' is no number\./u],
])('behind the popup of the restore key nothing is shown: %s', async (_, answer, said) => {
  const { ann, repo } = await started();
  if (answer !== null) {
    await ann.git(repo, 'config', '--global', 'session.tmuxCommand', `tmux -S ${ann.socket}`);
    await ann.tmux('new-session', '-d', '-s', 'first', '-c', repo);
    await ann.ok(repo, 'save', '-t', 'first');
    await ann.tmux('kill-session', '-t', '=first');
  }
  // An fzf of this machine would be asked instead.
  const bin = path.join(ann.dir, 'bin');
  mkdirSync(bin);
  for (const name of ['git', 'tmux', 'sh', 'sed', 'awk', 'tr', 'sort', 'dirname']) {
    const dirs = (process.env['PATH'] ?? '').split(':');
    symlinkSync(
      dirs.map((dir) => path.join(dir, name)).find((file) => existsSync(file))!,
      path.join(bin, name),
    );
  }
  await ann.tmux('set-environment', '-g', 'PATH', bin);
  const screen = attached(ann, repo);
  await screen.waitForScreen(/\[work\]/u);
  const pane = await ann.tmux('list-panes', '-t', '=work:', '-F', '#{pane_id}');
  const client = await ann.tmux('list-clients', '-F', '#{client_name}');
  // As the key does it, but for the -b: tmux then tells here what it would show in the pane.
  const key = ann.tmux('run-shell', `'${PLUGIN}' restore '${client}' '${pane}'`);
  if (answer !== null) {
    await screen.waitForScreen(/Restore which\?/u);
    screen.type(`${answer}\r`);
  }
  await screen.waitForScreen(said);
  screen.type('\r');
  expect(await key).toBe('');
  expect(await ann.tmux('display-message', '-p', '-t', pane, '#{pane_in_mode}')).toBe('0');
});
