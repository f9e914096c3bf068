export default {
  files: ['test/**/*.test.ts'],
  typescript: { rewritePaths: { 'src/': 'build/src/', 'test/': 'build/test/' }, compile: false },
  timeout: '5m',
  // Each file has a thread, and the tests of a file share a database: more would only wait for each other.
  concurrency: 2,
};
