import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseToml, type Toml } from '../../src/flow/toml.ts';
import { Config } from '../../src/git/config.ts';
import { InvalidConfigError } from '../../src/session/errors.ts';
import {
  isInternalSetting,
  nearestSetting,
  readSetting,
  setting,
  settingNamed,
  type SettingName,
  settingNames,
  SETTINGS,
} from '../../src/session/settings.ts';
import { planImport, TOML_KEYS } from '../../src/session/settings-import.ts';
import { splitWords } from '../../src/tmux/syntax.ts';

const root = path.resolve(import.meta.dirname, '../..');
const home = { HOME: '/home/ann' };
const config = (...entries: [string, string][]) =>
  new Config(entries.map(([key, value]) => [`session.${key.toLowerCase()}`, value]));
const read = (name: SettingName, text: string) => readSetting(name, [text], home);

describe('the table of settings', () => {
  it('G1-G12 is the one in the manual: every key with its default', () => {
    const manual = readFileSync(path.join(root, 'docs/git-session.1.md'), 'utf8');
    const section = /\n## CONFIGURATION\n(.*?)\n## /su.exec(manual)?.[1] ?? '';
    const rows = new Map(
      [...section.matchAll(/ {2}\* `session\.(\w+)`:\n {4}(.*)\n/gu)].map((m) => [m[1]!, m[2]!]),
    );
    expect([...rows.keys()].toSorted()).toEqual(settingNames().toSorted());
    for (const name of settingNames()) {
      const known = SETTINGS[name].default;
      const expected = known === null ? 'Not set by default' : `Default \`${known}\``;
      expect(rows.get(name), name).toContain(expected);
      expect(rows.get(name)!.match(/[Dd]efault `/gu)?.length ?? 0, name).toBe(known === null ? 0 : 1);
    }
  });

  it('G12 has every key that the program reads', () => {
    const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(path.join(root, 'src', file), 'utf8'))
      .join('\n');
    const keys = [...sources.matchAll(/\b(?:get|getAll|getBoolean)\('(session\.[A-Za-z]+)'/gu)].map(
      (m) => m[1]!,
    );
    expect(keys).toContain('session.crqPath');
    expect(keys.filter((key) => settingNamed(key) === null && !isInternalSetting(key))).toEqual([]);
  });

  it.each(settingNames())('session.%s has a default that is valid, and a description of one line', (name) => {
    expect(readSetting(name, [], home).problem).toBeNull();
    expect(SETTINGS[name].description).toMatch(/^[^\n]{10,90}[^.\n]$/u);
  });

  it('is found with and without "session.", in any case; the nearest is told', () => {
    expect(settingNamed('historyLimit')).toBe('historyLimit');
    expect(settingNamed('SESSION.HISTORYLIMIT')).toBe('historyLimit');
    expect(settingNamed('session.history')).toBeNull();
    expect(settingNamed('constructor')).toBeNull();
    expect(nearestSetting('session.historyLimt')).toBe('session.historyLimit');
    expect(nearestSetting('keepalife')).toBe('session.keepAlive');
    expect(nearestSetting('xyzzyxyzzy')).toBeNull();
    expect(isInternalSetting('session.initAdded')).toBe(true);
  });
});

describe('a setting', () => {
  it('G1-G11 has its default where nothing is set', () => {
    const values = Object.fromEntries(settingNames().map((name) => [name, setting(config(), name, home)]));
    expect(values).toEqual({
      enabled: true,
      tmuxCommand: 'tmux',
      env: [],
      autoCreateSession: true,
      detachOnCreate: true,
      autoCleanupCompleted: false,
      defaultShell: null,
      timeout: null,
      retention: null,
      keepAlive: true,
      historyLimit: 50000,
      historyAutoSave: true,
      historySaveDir: '/home/ann/.local/share/git-session/history',
      prefix: 'gs',
      picker: null,
      onEvent: null,
      fsync: 'default',
      sign: false,
      trustSigner: [],
      crqPath: [],
      crqPattern: null,
    });
  });

  it('is the last value, and of a list all of them', () => {
    expect(setting(config(['historyLimit', '1'], ['historyLimit', '2']), 'historyLimit')).toBe(2);
    expect(setting(config(['env', 'A, B'], ['env', ' C ']), 'env')).toEqual(['A', 'B', 'C']);
    expect(setting(config(['crqPath', 'a b/*.md'], ['crqPath', 'c,d']), 'crqPath')).toEqual([
      'a b/*.md',
      'c,d',
    ]);
  });

  it('is an error with a hint where it is not valid', () => {
    const wrong = config(['historyLimit', 'many']);
    const error = (() => {
      try {
        return setting(wrong, 'historyLimit');
      } catch (caught) {
        return caught;
      }
    })() as InvalidConfigError;
    expect(error).toBeInstanceOf(InvalidConfigError);
    expect(error.message).toBe("session.historyLimit is not a number from 0 to 2147483647: 'many'");
    expect(error.hints).toEqual(['git config --show-origin session.historyLimit']);
  });

  it.each([
    ['true', true],
    ['YES', true],
    ['on', true],
    ['1', true],
    ['-2k', true],
    ['10', true],
    ['off', false],
    ['No', false],
    ['', false],
    ['00', false],
    ['maybe', null],
    ['0x1', null],
  ])('G1 %j as a boolean is %s, as for git', (text, value) => {
    expect(read('enabled', text)).toEqual({ value, problem: value === null ? 'not a boolean' : null });
    if (value !== null) expect(config(['enabled', text]).getBoolean('session.enabled', !value)).toBe(value);
  });

  it.each([
    ['0', 0],
    ['+7', 7],
    ['50k', 51200],
    ['1M', 1048576],
    ['2147483647', 2147483647],
    ['2147483648', null],
    ['2g', null],
    ['-1', null],
    ['1.5', null],
    ['', null],
    ['99999999999', null],
  ])('G9 %j as a number is %s', (text, value) => {
    expect(read('historyLimit', text).value).toBe(value);
  });

  it.each([
    ['24h', 86_400_000],
    ['30m', 1_800_000],
    ['0s', 0],
    ['0', 0],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
    ['24', null],
    ['h', null],
    ['1 h', null],
    ['-1h', null],
    ['1H', null],
    ['1h.', null],
    ['1.h', null],
    ['', null],
  ])('G7 %j as a duration is %s milliseconds', (text, value) => {
    expect(read('timeout', text).value).toBe(value);
  });

  it.each([
    ['~/.gwq/history', '/home/ann/.gwq/history'],
    ['~', '/home/ann'],
    ['/var/h', '/var/h'],
    ['~bob/h', null],
    ['history', null],
    ['', null],
  ])('G11 %j as a path is %s', (text, value) => {
    expect(read('historySaveDir', text).value).toBe(value);
  });

  it('G11 lies in the data directory of XDG, if that is absolute; without a home it has to be set', () => {
    const save = (env: Record<string, string>) => readSetting('historySaveDir', [], env);
    expect(save({ ...home, XDG_DATA_HOME: '/data' }).value).toBe('/data/git-session/history');
    expect(save({ ...home, XDG_DATA_HOME: 'data' }).value).toBe('/home/ann/.local/share/git-session/history');
    expect(save({ HOME: '/' }).value).toBe('/.local/share/git-session/history');
    expect(save({}).problem).toMatch(/^not an absolute path/u);
    expect(save({ HOME: 'relative' }).value).toBeNull();
  });

  it('G5 a command is one exactly where tmux is started by it', () => {
    const part = fc.constantFrom("'", '"', '\\', ' ', '\t', 'a', 'tmux', '-L', '$', '`', '\n', '""', "''");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const words = splitWords(text);
        const starts = words !== null && words.length > 0 && words[0] !== '';
        expect(read('tmuxCommand', text).value).toBe(starts ? text : null);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    ['prefix', 'my-gs', true],
    ['prefix', '-x', false],
    ['prefix', 'a.b', false],
    ['prefix', '', false],
    ['crqPattern', 'CRQ-[0-9]+', true],
    ['crqPattern', '(', false],
    ['picker', 'builtin', true],
    ['picker', 'fzf --height 40%', true],
    ['picker', '"', false],
    ['defaultShell', '/bin/bash', true],
    ['defaultShell', 'bash', false],
  ] as const)('session.%s can be %j: %s', (name, text, valid) => {
    expect(read(name, text).problem === null).toBe(valid);
  });
});

/** As in the paper that the form is from. */
const PAPER = `[tmux]
# Enable tmux integration
enabled = true

# Auto session creation
auto_create_session = true

# Behavior on session creation
detach_on_create = true
auto_cleanup_completed = true

# tmux configuration
tmux_command = "tmux"
default_shell = "/bin/bash"

# Session configuration
session_timeout = "24h"
keep_alive = true

# tmux history configuration
history_limit = 50000
history_auto_save = true
history_save_dir = "~/.gwq/history"
`;

async function toml(text: string): Promise<Toml> {
  const read = await parseToml(text);
  if ('fault' in read) throw new Error(read.fault.message);
  return read;
}

describe('a TOML file', () => {
  it('G12 gives each of its keys to a setting', async () => {
    const plan = planImport((await toml(PAPER)).document, home);
    expect(plan.problems).toEqual([]);
    expect(plan.ignored).toEqual([]);
    expect(plan.set.map((s) => s.key)).toEqual([...TOML_KEYS.values()].map((name) => `session.${name}`));
    expect(plan.set.map((s) => s.value)).toEqual([
      'true',
      'true',
      'true',
      'true',
      'tmux',
      '/bin/bash',
      '24h',
      'true',
      '50000',
      'true',
      '~/.gwq/history',
    ]);
  });

  it.each([
    ['enabled = "true"', 'is not true or false'],
    ['enabled = 1', 'is not true or false'],
    ['history_limit = 50000.0', 'is not a whole number'],
    ['history_limit = "50000"', 'is not a whole number'],
    ['history_limit = -1', 'is not a number from 0 to 2147483647'],
    ['history_limit = 9000000000000000000', 'is not a number from 0 to 2147483647'],
    ['session_timeout = 24', 'is not a string'],
    ['session_timeout = "a day"', 'is not a duration such as 24h or 30m'],
    ['session_timeout = 2026-01-01', 'is not a string'],
    ['tmux_command = ["tmux"]', 'is not a string'],
    ['tmux_command = "tmux \'"', 'is not a command'],
    [String.raw`tmux_command = "tmux\nrm"`, 'has a control character in it'],
    [String.raw`tmux_command = "tmux\u0000"`, 'has a control character in it'],
    [String.raw`tmux_command = "tmux\u001b[2J"`, 'has a control character in it'],
    [String.raw`history_save_dir = "/a\u0085"`, 'has a control character in it'],
    [String.raw`default_shell = "/bin/\u2028sh"`, 'has a control character in it'],
    ['default_shell = "bash"', 'is not an absolute path, or one that begins with ~/'],
  ])('G12 is refused where it has %s', async (line, message) => {
    const { document } = await toml(`[tmux]\nkeep_alive = true\n${line}\n`);
    const key = `tmux.${line.split(' ')[0]}`;
    expect(planImport(document, home).problems).toEqual([{ key, message }]);
  });

  it('G12 keeps out what means nothing here', async () => {
    const { document } = await toml(
      'naming = 1\n[tmux]\nenabled = true\n__proto__ = 1\nx.y = 2\n[ui]\nicons = true\n',
    );
    const plan = planImport(document, home);
    expect(plan.set).toEqual([{ key: 'session.enabled', value: 'true' }]);
    expect(plan.ignored.toSorted()).toEqual(['naming', 'tmux.__proto__', 'tmux.x', 'ui'].toSorted());
    expect(planImport({ tmux: 3n }, home).problems).toEqual([{ key: 'tmux', message: 'is not a table' }]);
    expect(planImport({}, home)).toEqual({ set: [], ignored: [], problems: [] });
  });

  it('tells the line of each key, however it is written', async () => {
    const text = [
      'a = """', // 1
      '[tmux]',
      'enabled = "no"',
      '"""',
      'tmux.keep_alive = true # 5',
      '',
      '[ other ] # [tmux]',
      'enabled = [',
      '  1,',
      ']',
      '[x.y]',
      'z = 1',
      '[[list]]',
      'one = 1',
    ];
    const { lineOf } = await toml(text.join('\r\n'));
    const lines = [
      'a',
      'tmux',
      'tmux.keep_alive',
      'tmux.enabled',
      'other',
      'other.enabled',
      'x',
      'x.y',
      'list',
    ];
    expect(lines.map((key) => lineOf(key))).toEqual([1, 5, 5, null, 7, 8, 11, 11, 13]);
    expect((await toml(PAPER)).lineOf('tmux.history_save_dir')).toBe(23);
    expect((await toml('[b]\n[tmux]\nenabled = 1')).lineOf('tmux.enabled')).toBe(3);
  });

  it.each([
    ['[tmux]\nenabled = \n', 2],
    ['[tmux]\nenabled = true\nenabled = true\n', 3],
    ['[tmux\n', 1],
    [`a = ${'['.repeat(5000)}`, 1],
  ])('tells the line of a fault in %#', async (text, line) => {
    const read = await parseToml(text);
    expect('fault' in read && read.fault).toEqual({ line, message: expect.stringMatching(/^[^\n]{3,}$/u) });
  });
});
