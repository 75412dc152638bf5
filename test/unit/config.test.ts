import { describe, expect, it } from 'vitest';
import { Config } from '../../src/git/config.ts';

const config = new Config([
  ['session.tmuxcommand', 'tmux'],
  ['session.env', 'A'],
  ['session.env', 'B C'],
  ['session.tmuxcommand', 'tmux -L x'],
  ['branch.Feature/X.crq', 'CRQ-1'],
  ['branch.feature/x.crq', 'CRQ-2'],
  ['remote.origin.url', 'https://one'],
  ['remote.origin.url', 'https://two'],
  ['remote.a.b.url', 'c'],
  ['remote.pushdefault', 'origin'],
]);

describe("git's configuration", () => {
  it('gives the last value, as git does, or all of them', () => {
    expect(config.get('session.tmuxCommand')).toBe('tmux -L x');
    expect(config.getAll('session.env')).toEqual(['A', 'B C']);
    expect(config.get('session.none')).toBeNull();
    expect(config.getAll('session.none')).toEqual([]);
  });

  it('compares section and name without case, and a subsection with it', () => {
    expect(config.get('SESSION.TmuxCommand')).toBe('tmux -L x');
    expect(config.get('Branch.Feature/X.CRQ')).toBe('CRQ-1');
    expect(config.get('branch.feature/x.crq')).toBe('CRQ-2');
    expect(config.get('branch.FEATURE/X.crq')).toBeNull();
  });

  it('gives remotes in their order, each with its first URL', () => {
    expect(config.remotes()).toEqual([
      { name: 'origin', url: 'https://one' },
      { name: 'a.b', url: 'c' },
    ]);
  });

  it.each([
    ['true', true],
    ['YES', true],
    ['on', true],
    ['1', true],
    ['2', true],
    ['-1', true],
    ['false', false],
    ['No', false],
    ['off', false],
    ['0', false],
    ['', false],
  ])('%j is the boolean %s, as for git', (value, expected) => {
    const one = new Config([['session.enabled', value]]);
    expect(one.getBoolean('session.enabled', !expected)).toBe(expected);
  });

  it('takes the default where there is no value, or none that git would read', () => {
    expect(config.getBoolean('session.enabled', true)).toBe(true);
    expect(config.getBoolean('session.enabled', false)).toBe(false);
    expect(new Config([['session.enabled', 'maybe']]).getBoolean('session.enabled', true)).toBe(true);
  });

  it('knows its keys', () => {
    expect(config.keys()).toContain('remote.a.b.url');
    expect(new Set(config.keys()).size).toBe(config.keys().length);
  });
});
