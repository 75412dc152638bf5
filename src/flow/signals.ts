const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `cleanup` when a signal ends the program, and then lets the signal do its work, so that the
 * caller sees a death by signal. Gives the function that takes the handlers away again.
 */
export function onSignals(cleanup: () => void): () => void {
  const handlers = SIGNALS.map((signal) => {
    const handler = () => {
      remove();
      try {
        cleanup();
      } finally {
        process.kill(process.pid, signal);
      }
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  const remove = () => {
    for (const [signal, handler] of handlers) process.removeListener(signal, handler);
  };
  return remove;
}
