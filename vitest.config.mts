import { configDefaults, defineConfig } from 'vitest/config';

const kinds = ['unit', 'integration', 'e2e', 'faults'];

export default defineConfig({
  test: {
    // Real git and tmux are slow on a busy machine; a test that hangs is still found.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // No test changes what others import, and a process for each file would take a tenth of the time.
    isolate: false,
    // One more than the two cores of a usual machine: tests of whole programs wait for a third of their time.
    maxWorkers: 3,
    globalSetup: ['test/support/build.ts'],
    projects: kinds.map((name) => ({
      extends: true,
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        exclude: configDefaults.exclude,
      },
    })),
    coverage: {
      provider: 'v8',
      include: ['src/session/**', 'src/store/**'],
      reporter: ['text', 'html', 'json-summary'],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
