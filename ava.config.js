// The tests of another architecture take minutes: `npm run test:arm64`.
const emulated = 'test/arm64/*.test.ts';

export default {
  files: process.env.FETTLE_TEST_ARM64 ? [emulated] : ['test/**/*.test.ts', `!${emulated}`],
  extensions: ['ts'],
  // Without any result: two of the longest tests may run at once on a busy machine.
  timeout: '10m',
  concurrency: 2,
  workerThreads: false,
  failFast: false,
};
