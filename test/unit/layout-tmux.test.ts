import { describe, expect, it } from 'vitest';
import { formatLayout, leaves, parseLayout } from '../../src/session/layout.ts';
import { person } from '../support/harness.ts';

const WINDOWS = 60;

/** A generator with a fixed seed: the windows are the same in each run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const withoutPaneIds = (text: string) => text.slice(5).replace(/(\d+x\d+,\d+,\d+),\d+/gu, '$1');

describe('S1: layouts of a real tmux', () => {
  it('parse, come out as tmux wrote them, and are accepted by select-layout', async () => {
    const ann = person();
    const random = randomNumbers(20261121);
    await ann.tmux('new-session', '-d', '-s', 'w', '-x', '200', '-y', '60', 'cat');
    // A split that does not fit, or a pane that is gone, is no matter here.
    const script: string[] = [];
    for (let w = 1; w <= WINDOWS; w++) {
      script.push(`new-window -d -t w:${w} cat`);
      for (let ops = 1 + random(8); ops > 0; ops--) {
        const at = `w:${w}.${random(4)}`;
        const op = random(6);
        if (op < 4)
          script.push(`split-window ${op % 2 === 0 ? '-h' : '-v'} -d -l ${20 + random(60)}% -t ${at} ''`);
        else if (op === 4)
          script.push(`resize-pane -t ${at} ${['-L', '-R', '-U', '-D'][random(4)]} ${1 + random(9)}`);
        else script.push(`resize-window -t w:${w} -x ${10 + random(300)} -y ${5 + random(80)}`);
      }
    }
    await ann.run('tmux', ['-S', ann.socket, 'source-file', '-'], { input: `${script.join('\n')}\n` });
    const captured = (await ann.tmux('list-windows', '-t', 'w', '-F', '#{window_layout}')).split('\n');
    expect(captured).toHaveLength(WINDOWS + 1);
    const counts = captured.map((text) => leaves(parseLayout(text)).length);
    expect(Math.max(...counts)).toBeGreaterThan(4);
    expect(new Set(captured.map(withoutPaneIds)).size).toBeGreaterThan(40);

    const ours = captured.map((text) => formatLayout(parseLayout(text)));
    expect(ours.map(withoutPaneIds)).toEqual(captured.map(withoutPaneIds));

    // A scratch server that has panes, as many as are needed, and nothing else.
    const scratch = person('scratch');
    await scratch.tmux('new-session', '-d', '-s', 's', '-x', '1000', '-y', '50', 'cat');
    const build = ours.flatMap((text, i) => [
      `new-window -d -t s:${i + 1} cat`,
      ...Array.from({ length: counts[i]! - 1 }, () => `split-window -d -h -l 2 -t s:${i + 1} ''`),
      `select-layout -t s:${i + 1} "${text}"`,
    ]);
    const built = await scratch.run('tmux', ['-S', scratch.socket, 'source-file', '-'], {
      input: `${build.join('\n')}\n`,
    });
    expect(built.stderr).toBe('');
    const result = (await scratch.tmux('list-windows', '-t', 's', '-F', '#{window_layout}'))
      .split('\n')
      .slice(1);
    expect(result.map(withoutPaneIds)).toEqual(ours.map(withoutPaneIds));
  });
});
