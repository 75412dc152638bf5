import { parseEvent } from './event-schema.ts';
import type { EventType, SessionConfig, SessionEvent, SessionState, SessionSummary } from './lifecycle.ts';

type Json = Record<string, unknown>;

/** A session's options under the names that programs see (requirements S18 to S20). */
export function configJson(config: SessionConfig) {
  return {
    ...{ project_path: config.projectPath, workflow: config.workflow, execution_mode: config.mode },
    ...{ worktree: config.worktree, max_iterations: config.maxIterations, focus: config.focus },
    options: {
      ...{ fail_fast: config.failFast, auto_merge: config.autoMerge },
      ...{ collect_metrics: config.collectMetrics, verbose: config.verbose },
    },
  };
}

export function summaryJson(summary: SessionSummary) {
  return {
    ...{ iterations: summary.iterations, files_changed: summary.filesChanged, commits: summary.commits },
    ...{ commands: summary.commands, success_rate: summary.successRate, duration_ms: summary.durationMs },
  };
}

/** All keys in every state; what the state does not have is null. */
export function stateJson(state: SessionState) {
  return {
    name: state.name,
    iteration: 'iteration' in state ? state.iteration : null,
    reason: 'reason' in state ? state.reason : null,
    summary: 'summary' in state ? summaryJson(state.summary) : null,
    error: 'error' in state ? state.error : null,
  };
}

/** What an event carries. Results of an analysis are somebody else's document, and stay as they are. */
export function eventDataJson(event: SessionEvent): Json {
  if (event.type === 'analysis-completed') return { results: event.data.results };
  if (event.type === 'started') {
    const { config, ...rest } = event.data;
    return config === undefined ? rest : { ...rest, config: configJson(config) };
  }
  return renamed(event.data, (key) => key.replace(/[A-Z]/gu, (c) => `_${c.toLowerCase()}`)) as Json;
}

/** The event that such a document means, with keys of either form; null where it is none. */
export function eventFromJson(type: EventType, data: unknown): SessionEvent | null {
  if (!isObject(data)) return null;
  if (type === 'analysis-completed') return parseEvent(type, data);
  const named = renamed(data, (key) => key.replace(/_([a-z])/gu, (_, c: string) => c.toUpperCase()));
  if (type !== 'started' || !isObject(named) || !isObject(named['config'])) return parseEvent(type, named);
  const { options, executionMode, ...config } = named['config'];
  const flat = { ...config, ...(isObject(options) ? options : {}) };
  return parseEvent(type, {
    ...named,
    config: executionMode === undefined ? flat : { ...flat, mode: executionMode },
  });
}

function renamed(value: unknown, name: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, name));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), renamed(inner, name)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
