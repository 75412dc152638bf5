import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSessionName, sessionRef } from '../../src/session/names.ts';
import { anyName } from '../support/arbitrary.ts';

const ID = '20261121T080000000Z-0123abcd';

/** Which of these refs git refuses; one shell asks git for all of them. */
function refusedByGit(refs: string[]): string[] {
  const script = 'while IFS= read -r ref; do git check-ref-format "$ref" || echo "$ref"; done';
  const { stdout } = spawnSync('/bin/sh', ['-c', script], {
    input: `${refs.join('\n')}\n`,
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((ref) => ref !== '');
}

describe('git agrees with our grammar', () => {
  it('C5: 2,000 random names that we accept are valid refs', () => {
    // Half of them are near the edge: made of the characters that git has rules about.
    const edge = fc.stringMatching(/^[a._\-/lock]{1,12}$/u).filter((name) => isSessionName(name));
    const names = [...fc.sample(anyName(), 1000), ...fc.sample(edge, 1000)];
    expect(refusedByGit(names.map((name) => sessionRef(name, ID, 'snapshot')))).toEqual([]);
    expect(refusedByGit(['refs/sessions/a..b/x'])).toEqual(['refs/sessions/a..b/x']);
  });
});
