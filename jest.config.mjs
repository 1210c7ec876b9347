// Two projects: `unit` lies beside the code; `system` (test/) starts real programs.
// Where a seeded bug is named, its file is loaded with it.
const transformer = process.env.LENTICULAR_MUTANT === undefined ? '@swc/jest' : '<rootDir>/hack/seeded-transform.ts';
const shared = {
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [transformer, { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  testEnvironment: 'node',
  modulePathIgnorePatterns: ['<rootDir>/tmp/'],
};

export default {
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apis,server,client,controllers,drivers,cmd,hack}/**/*.test.ts', '<rootDir>/test/static/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'system',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/static/'],
    },
  ],
};
