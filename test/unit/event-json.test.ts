import { describe, expect, it } from 'vitest';
import { configJson, eventDataJson, eventFromJson, stateJson } from '../../src/session/event-json.ts';
import type { SessionConfig, SessionEvent } from '../../src/session/lifecycle.ts';

const summary = { iterations: 1, filesChanged: 2, commits: 3, commands: 4, successRate: 0.5, durationMs: 6 };
const changes = {
  filesModified: ['aB'],
  linesAdded: 1,
  linesRemoved: 2,
  commandsRun: ['x_y'],
  gitCommits: [],
};
const config: SessionConfig = {
  ...{ projectPath: '/src', workflow: 'f', mode: 'worktree', worktree: 'w', maxIterations: 5, focus: 'a_b' },
  ...{ failFast: true, autoMerge: false, collectMetrics: true, verbose: false },
};

const EVENTS: SessionEvent[] = [
  { type: 'started', data: { config, name: 'work', parent: 'p' } },
  { type: 'started', data: {} },
  { type: 'iteration-started', data: { number: 1, head: 'h', base: 'b' } },
  { type: 'iteration-completed', data: { number: 1, changes } },
  { type: 'analysis-completed', data: { results: { snake_key: 1, camelKey: [{ a_b: 2 }] } } },
  { type: 'command-executed', data: { command: 'a_b', success: false, exitCode: null, durationMs: 5 } },
  { type: 'paused', data: { reason: 'a_b' } },
  { type: 'resumed', data: {} },
  { type: 'completed', data: { summary } },
  { type: 'failed', data: { error: 'camelCase' } },
  {
    type: 'checkpoint-saved',
    data: { snapshot: 'a/b', iteration: 1, state: 'running', resumable: true, message: 'm' },
  },
  { type: 'deleted', data: {} },
];

describe('events as programs see them', () => {
  it.each(EVENTS)('L6 $type: what is printed is understood again, and so is our own spelling', (event) => {
    const printed: unknown = JSON.parse(JSON.stringify(eventDataJson(event)));
    expect(eventFromJson(event.type, printed)).toEqual(event);
    expect(eventFromJson(event.type, event.data)).toEqual(event);
  });

  it('L6 keys are in snake case, and a text and the results of others stay as they are', () => {
    expect(eventDataJson(EVENTS[3]!)).toEqual({
      number: 1,
      changes: {
        ...{ files_modified: ['aB'], lines_added: 1, lines_removed: 2, commands_run: ['x_y'] },
        git_commits: [],
      },
    });
    expect(eventDataJson(EVENTS[4]!)).toEqual(EVENTS[4]!.data);
  });

  it('L6 what is no event of that type is none', () => {
    for (const data of [null, 5, 'x', [], { config: 5 }, { config: { options: {} } }]) {
      expect(eventFromJson('started', data)).toBeNull();
    }
    expect(eventFromJson('command-executed', { command: 'x' })).toBeNull();
  });

  it('S18 S20 the options have the names of the requirements', () => {
    expect(configJson(config)).toEqual({
      ...{ project_path: '/src', workflow: 'f', execution_mode: 'worktree', worktree: 'w' },
      ...{ max_iterations: 5, focus: 'a_b' },
      options: { fail_fast: true, auto_merge: false, collect_metrics: true, verbose: false },
    });
  });

  it('L1 a state has every key, whichever it is', () => {
    const none = { iteration: null, reason: null, summary: null, error: null };
    expect(stateJson({ name: 'created' })).toEqual({ ...none, name: 'created' });
    expect(stateJson({ name: 'running', iteration: 2 })).toEqual({ ...none, name: 'running', iteration: 2 });
    expect(stateJson({ name: 'paused', reason: 'x', iteration: 2 })).toEqual({
      ...{ ...none, name: 'paused', reason: 'x', iteration: 2 },
    });
    expect(stateJson({ name: 'failed', error: 'x' })).toEqual({ ...none, name: 'failed', error: 'x' });
    expect(stateJson({ name: 'completed', summary })).toMatchObject({
      ...{ name: 'completed', error: null, summary: { files_changed: 2, success_rate: 0.5, duration_ms: 6 } },
    });
  });
});
