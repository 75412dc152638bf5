import { describe, expect, it } from 'vitest';
import { parseStatus } from '../../src/git/status.ts';

const OID = 'a'.repeat(40);
const parse = (...records: (string | Buffer)[]) =>
  parseStatus(Buffer.concat(records.flatMap((r) => [Buffer.from(r), Buffer.from([0])])));
const entry = (xy: string, name: string) => `1 ${xy} N... 100644 100644 100644 ${OID} ${OID} ${name}`;

describe('S7: what git status says', () => {
  it('reads where HEAD is', () => {
    expect(
      parse(
        `# branch.oid ${OID}`,
        '# branch.head feature/x',
        '# branch.upstream origin/feature/x',
        '# branch.ab +1 -2',
      ),
    ).toEqual({
      ...{ head: OID, branch: 'feature/x', upstream: 'origin/feature/x', ahead: 1 },
      ...{ staged: 0, unstaged: 0, untracked: [], unmerged: [] },
    });
    expect(parse('# branch.oid (initial)', '# branch.head main')).toMatchObject({
      head: null,
      branch: 'main',
    });
    expect(parse(`# branch.oid ${OID}`, '# branch.head (detached)')).toMatchObject({
      branch: null,
      upstream: null,
    });
    expect(parse()).toMatchObject({ head: null, branch: null, upstream: null });
  });

  it('counts a file that is staged and changed again on both sides', () => {
    const status = parse(
      entry('M.', 'a'),
      entry('.M', 'b'),
      entry('MM', 'c'),
      entry('A.', 'd'),
      entry('.D', 'e'),
      entry('.A', 'f'),
    );
    expect([status.staged, status.unstaged]).toEqual([3, 4]);
    const renamed = `2 R. N... 100644 100644 100644 ${OID} ${OID} R100 new`;
    expect(parse(renamed)).toMatchObject({ staged: 1, unstaged: 0 });
  });

  it('C15: keeps names as bytes: spaces, line breaks, quotes, and what is no UTF-8', () => {
    const names = ['a b', 'nl\nx', '"q"', '日本', '? x', ' lead']
      .map((n) => Buffer.from(n))
      .concat(Buffer.from([0x61, 0xff]));
    const untracked = parse(...names.map((n) => Buffer.concat([Buffer.from('? '), n]))).untracked;
    expect(untracked).toEqual(names);
    const unmerged = parse(
      ...names.map((n) =>
        Buffer.concat([Buffer.from(`u UU N... 100644 100644 100644 100644 ${OID} ${OID} ${OID} `), n]),
      ),
    ).unmerged;
    expect(unmerged).toEqual(names);
  });

  it('leaves out what it does not know, and reads a last record without its end', () => {
    expect(parse('! ignored', '9 future')).toMatchObject({ staged: 0, untracked: [] });
    expect(parseStatus(Buffer.from('? x'))).toMatchObject({ untracked: [Buffer.from('x')] });
  });
});
