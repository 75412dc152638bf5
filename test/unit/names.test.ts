import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidNameError } from '../../src/session/errors.ts';
import {
  checkName,
  compareIds,
  formatIdTime,
  idTime,
  isSessionName,
  isSnapshotId,
  makeId,
  nameFromTmux,
  nameProblem,
  nextIdTime,
  parseSessionRef,
  sessionRef,
} from '../../src/session/names.ts';
import { anyBytes, anyName, anySnapshotId, HOSTILE } from '../support/arbitrary.ts';

const ID = '20261121T080000000Z-0123abcd';

describe('the grammar of session names', () => {
  it.each([
    'a',
    'A',
    '0',
    '_',
    '_-',
    'work',
    'feature/auth',
    'a/b/c/d',
    'v1.2',
    'a.b-c_d',
    'HEAD',
    'snapshots',
    'x.locked',
    'main~'.slice(0, -1),
    'a'.repeat(100),
    '20261121',
  ])('takes %s', (name) => {
    expect(nameProblem(name)).toBeNull();
    expect(checkName(name)).toBe(name);
  });

  it.each([
    ['', 'empty'],
    ['a'.repeat(101), 'longer than 100'],
    ['/', 'empty component'],
    ['/a', 'empty component'],
    ['a/', 'empty component'],
    ['a//b', 'empty component'],
    ['snapshot', 'reserved'],
    ['a/context', 'reserved'],
    ['events/a', 'reserved'],
    [ID, 'looks like a snapshot id'],
    [`a/${ID}`, 'looks like a snapshot id'],
    ['20261121T080000000Z', 'looks like a snapshot id'],
    ['20261121T080000000Z-xyz', 'looks like a snapshot id'],
    ['-x', "starts with '-'"],
    ['a/-x', "starts with '-'"],
    ['--upload-pack=x', "starts with '-'"],
    ['.', "starts with '.'"],
    ['..', "starts with '.'"],
    ['../x', "starts with '.'"],
    ['.git', "starts with '.'"],
    ['a/.b', "starts with '.'"],
    ['a..b', 'git does not allow'],
    ['a.', 'git does not allow'],
    ['a.lock', 'git does not allow'],
    ['a.lock/b', 'git does not allow'],
    ['a~1', 'only letters'],
    ['a^', 'only letters'],
    ['a:b', 'only letters'],
    ['a?', 'only letters'],
    ['a*', 'only letters'],
    ['a[', 'only letters'],
    ['a\\b', 'only letters'],
    ['a b', 'only letters'],
    ['a\nb', 'only letters'],
    ['a\0', 'only letters'],
    ['@', 'only letters'],
    ['a@{1}', 'only letters'],
    ['$(id)', 'only letters'],
    ['`id`', 'only letters'],
    [';id', 'only letters'],
    ['#(id)', 'only letters'],
    ['é', 'only letters'],
    ['日本', 'only letters'],
    ['a\u202eb', 'only letters'],
    ['a\n', 'only letters'],
  ])('C5: refuses %j', (name, why) => {
    expect(nameProblem(name)).toContain(why);
    expect(isSessionName(name)).toBe(false);
    expect(() => checkName(name)).toThrow(InvalidNameError);
  });

  it.each([
    ['x y', 'for example: x-y'],
    ['.hidden/a', 'for example: hidden-a'],
    ['', "use letters, digits, '.', '_', '-', and '/' between components"],
    ['***', "use letters, digits, '.', '_', '-', and '/' between components"],
  ])('%j is told what would do', (name, hint) => {
    const problem = catchError(() => checkName(name));
    expect(problem).toBeInstanceOf(InvalidNameError);
    expect((problem as InvalidNameError).hints).toEqual([hint]);
  });
});

describe('ids', () => {
  it('are the time, to the millisecond, and the first digits of the object id', () => {
    const id = makeId(Date.UTC(2026, 10, 21, 8, 0, 0, 7), '0123abcdef');
    expect(id).toBe('20261121T080000007Z-0123abcd');
    expect(isSnapshotId(id)).toBe(true);
    expect(idTime(id)).toBe(Date.UTC(2026, 10, 21, 8, 0, 0, 7));
  });

  it('sort as their times do', () => {
    const time = fc.nat({ max: 253402300799999 });
    fc.assert(
      fc.property(time, time, (a, b) => {
        expect(idTime(formatIdTime(a))).toBe(a);
        const order = compareIds(makeId(a, 'f'.repeat(8)), makeId(b, '0'.repeat(8)));
        if (a !== b) expect(order).toBe(a < b ? -1 : 1);
      }),
    );
    expect(compareIds(ID, ID)).toBe(0);
  });

  it.each([
    '',
    'x',
    '20261121',
    `${ID}0`,
    ` ${ID}`,
    `${ID}\n`,
    ID.toUpperCase(),
    '20261121T080000000Z-0123abc',
  ])('%j is none', (text) => {
    expect(isSnapshotId(text)).toBe(false);
  });

  it.each(['20261321T080000000Z-0123abcd', '20261121T990000000Z-0123abcd', '99999999T999999999Z-0123abcd'])(
    'F35: %s is none: at no time could it have been made, and no time comes after it',
    (text) => {
      expect(idTime(text)).toBeNull();
      expect(isSnapshotId(text)).toBe(false);
    },
  );

  it('F35: the next id comes after the newest one also when the clock goes back', () => {
    const now = Date.UTC(2026, 10, 21);
    expect(nextIdTime(now, null)).toBe(now);
    expect(nextIdTime(now, makeId(now - 1, '0'.repeat(8)))).toBe(now);
    expect(nextIdTime(now, makeId(now, '0'.repeat(8)))).toBe(now + 1);
    expect(nextIdTime(0, makeId(now, '0'.repeat(8)))).toBe(now + 1);
    expect(nextIdTime(now, 'no id')).toBe(now);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4_000_000_000_000 }), { minLength: 1, maxLength: 30 }), (clock) => {
        let newest: string | null = null;
        for (const ms of clock) {
          const id = makeId(nextIdTime(ms, newest), '0'.repeat(8));
          if (newest !== null) expect(compareIds(newest, id)).toBe(-1);
          newest = id;
        }
      }),
    );
  });

  it('F35: an id from the last moment of the calendar does not make every later save one that no one lists', () => {
    const id = makeId(nextIdTime(Date.now(), '99991231T235959999Z-ffffffff'), 'f'.repeat(40));
    expect(isSnapshotId(id)).toBe(true);
  });
});

describe('N2: a session name for a tmux name', () => {
  it('is always valid, and the same name where that is valid', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyBytes(),
          anyName().map((n) => Buffer.from(n)),
        ),
        fc.boolean(),
        (raw, distinct) => {
          const name = nameFromTmux(raw, distinct);
          expect(nameProblem(name)).toBeNull();
          if (!distinct && isSessionName(raw.toString('utf8'))) expect(name).toBe(raw.toString('utf8'));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is distinct for distinct bytes where that is asked for', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyBytes(), { maxLength: 30, selector: (b) => b.toString('latin1') }),
        (all) => {
          expect(new Set(all.map((raw) => nameFromTmux(raw, true))).size).toBe(all.length);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['my work', 'my-work'],
    ['v1_2:x', 'v1_2-x'],
    ['-dash', 'dash'],
    ['...', expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    ['', expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    ['日本', expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    ['ünï', 'u-ni'],
    ['a..b', 'a.b'],
    ['snapshot', expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    ['a.lock', expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    [ID, expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    [`${'a'.repeat(79)}.${'b'.repeat(30)}`, expect.stringMatching(/^session-[0-9a-f]{8}$/u)],
    ['x'.repeat(200), 'x'.repeat(80)],
    ...HOSTILE.map((h): [string, unknown] => [h, expect.stringMatching(/^[A-Za-z0-9_][\w./-]*$/u)]),
  ])('of %j is %s', (raw, expected) => {
    expect(nameFromTmux(Buffer.from(raw))).toEqual(expected);
  });
});

describe('C5: refs', () => {
  it('are read back as they were made, also as a remote has them', () => {
    const kind = fc.constantFrom('snapshot' as const, 'context' as const, 'events' as const);
    fc.assert(
      fc.property(anyName(), anySnapshotId(), kind, (name, id, kind) => {
        const ref = sessionRef(name, id, kind);
        expect(parseSessionRef(ref)).toEqual({ remote: null, name, id, kind });
        const fetched = ref.replace(/^refs\/sessions\//u, 'refs/remote-sessions/origin/');
        expect(parseSessionRef(fetched)).toEqual({ remote: 'origin', name, id, kind });
      }),
    );
  });

  it.each([
    'refs/heads/main',
    'refs/sessions',
    'refs/sessions/',
    'refs/sessions/x',
    `refs/sessions/${ID}/snapshot`,
    `refs/sessions/x/${ID}`,
    `refs/sessions/x/${ID}/`,
    `refs/sessions/x/${ID}/other`,
    `refs/sessions/x/${ID}/snapshot/more`,
    `refs/sessions/x/${ID}/Snapshot`,
    `refs/sessions/x/y/snapshot`,
    `refs/sessions/x/${ID.toUpperCase()}/snapshot`,
    `refs/sessions//${ID}/snapshot`,
    `refs/sessions/-x/${ID}/snapshot`,
    `refs/sessions/--upload-pack=x/${ID}/snapshot`,
    `refs/sessions/$(id)/${ID}/snapshot`,
    `refs/sessions/\`id\`/${ID}/snapshot`,
    `refs/sessions/;id/${ID}/snapshot`,
    `refs/sessions/#(id)/${ID}/snapshot`,
    `refs/sessions/a\u202eb/${ID}/snapshot`,
    `refs/sessions/a\ufffd/${ID}/snapshot`,
    `refs/sessions/${'x'.repeat(101)}/${ID}/snapshot`,
    `refs/sessions/${ID}/${ID}/snapshot`,
    `refs/sessions/snapshot/${ID}/snapshot`,
    'refs/remote-sessions',
    'refs/remote-sessions/',
    'refs/remote-sessions/origin',
    `refs/remote-sessions/x/${ID}/snapshot`,
    `refs/remote-sessions//x/${ID}/snapshot`,
    `refs/remote-sessions/origin/-x/${ID}/snapshot`,
    `xrefs/sessions/x/${ID}/snapshot`,
    '',
  ])('%s is none of ours', (ref) => {
    expect(parseSessionRef(ref)).toBeNull();
  });
});

function catchError(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return null;
}
