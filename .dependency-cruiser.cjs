/** The stations of the data, each with what it may import (docs/architecture.md has the same table). */
const MAY_IMPORT = {
  core: [],
  files: [],
  codec: ['core'],
  protocol: ['core', 'codec'],
  zeek: ['core', 'codec', 'protocol'],
  transport: ['core'],
  store: ['core', 'codec', 'protocol', 'files'],
  peer: ['core', 'codec', 'protocol', 'zeek', 'transport', 'store'],
  door: ['core', 'codec', 'protocol', 'zeek'],
  spool: ['core', 'codec', 'zeek', 'files'],
  filter: ['core', 'codec', 'zeek'],
  storage: ['core', 'filter'],
  access: ['core', 'storage'],
  bridge: ['core', 'codec', 'zeek', 'storage', 'store'],
  live: ['core', 'codec', 'zeek', 'filter', 'storage', 'bridge'],
  http: ['core', 'codec', 'filter', 'live', 'storage'],
  replay: ['core', 'codec', 'protocol', 'zeek'],
  relay: ['core', 'codec', 'protocol', 'spool', 'transport'],
  load: ['core', 'codec', 'protocol', 'zeek', 'transport', 'peer', 'replay'],
};

const directions = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} imports ${allowed.join(', ') || 'nothing of src'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'page-imports',
      comment: 'the page knows the notation of filters, and else only the API',
      severity: 'error',
      from: { path: '^page/' },
      to: { path: '^src/', pathNot: '^src/filter/(tokens|written)' },
    },
    {
      name: 'no-page',
      comment: 'the page is built on its own',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^page/' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle has no first thing to read',
      severity: 'error',
      from: { path: '^(src|page)/' },
      to: { circular: true },
    },
    {
      name: 'pure',
      comment: 'no sockets, files, timers or processes in core, codec, filter, protocol and zeek',
      severity: 'error',
      from: { path: '^src/(core|codec|filter|protocol|zeek)/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(buffer|util)$' },
    },
    {
      name: 'declared',
      comment: 'every package is in package.json, and none that only tests have is in src',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        dependencyTypesNot: ['type-only'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
