// The house rules that a parser can see. Imports between rooms are .dependency-cruiser.mjs; file names and drawers are hack/house.ts.
import { builtinModules } from 'node:module';

import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Code that users run; `cmd` wires it and may do what these may not. */
const shipped = ['apis/**/*.ts', 'server/**/*.ts', 'client/**/*.ts', 'controllers/**/*.ts', 'drivers/**/*.ts'];
/** Deciders: they see only their arguments. */
const pure = [
  'apis/**/*.ts',
  '**/plan.ts',
  'controllers/*/plan*.ts',
  'controllers/*/plan/**/*.ts',
  'controllers/**/schedule*.ts',
  'controllers/runtime/plan.ts',
];
const tests = ['**/*.test.ts', 'test/**/*.ts'];
/** Suites that several implementations run: they hold describe blocks, as tests do. */
const suites = ['**/conformance*.ts', '**/conformance/**/*.ts'];
/** Programs: what starts when Node is given the file (a worker is one). */
const programs = ['cmd/*/main.ts', '**/*-worker.ts', 'hack/*.ts', 'bench/*.ts'];
const generated = ['drivers/contract/gen/**', 'manifests/crds/**'];

const timers = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
const impure = ['Date', 'Temporal', 'crypto', 'performance', ...timers, 'fetch', 'WebSocket', 'process', 'console', 'globalThis', 'global'];
const bareBuiltins = builtinModules.filter((name) => !name.startsWith('node:') && !name.startsWith('_'));

const syntaxEverywhere = [
  { selector: 'TSEnumDeclaration', message: 'No enum: a union of literals says the same and is erased.' },
  { selector: 'TSModuleDeclaration[kind!="global"]', message: 'No namespace: a file is the namespace.' },
  { selector: 'ExportDefaultDeclaration', message: 'No default export: a thing has one name everywhere.' },
  { selector: 'ExportSpecifier[exported.name="default"]', message: 'No default export: a thing has one name everywhere.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels: import a thing from the file that defines it.' },
  {
    selector: 'CallExpression[callee.object.name="jest"][callee.property.name=/^(mock|doMock|unstable_mockModule|setMock)$/]',
    message: 'No jest.mock: use the real part, or pass a function in.',
  },
];
const syntaxOfImports = [
  { selector: 'ImportDeclaration[specifiers.length=0]', message: 'No side effects at import: import a name and call it.' },
  {
    selector: 'Program > :matches(ExpressionStatement, IfStatement, ForStatement, ForOfStatement, WhileStatement, TryStatement)',
    message: "No side effects at import: a module's top level only defines.",
  },
];
const syntaxOfShipped = [
  {
    selector: 'CallExpression[callee.object.name="Date"][callee.property.name="now"]',
    message: 'The wall clock comes in as a Clock; only cmd/ reads it.',
  },
  { selector: 'CallExpression[callee.name="Date"]', message: 'The wall clock comes in as a Clock; only cmd/ reads it.' },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'The wall clock comes in as a Clock; only cmd/ reads it.' },
  {
    selector:
      'ExportNamedDeclaration > FunctionDeclaration[async=true]:not(:has(> Identifier.params[name=/(^s|S)ignal$/])):not(:has(> ObjectPattern.params))',
    message: 'An exported async function ends in `signal: AbortSignal`.',
  },
];
const syntaxOfPure = [
  { selector: 'ImportExpression', message: 'A decider loads nothing: import it statically.' },
  { selector: 'AwaitExpression', message: 'A decider is synchronous.' },
  { selector: 'MetaProperty', message: 'A decider sees only its arguments.' },
];

const drawers = {
  regex: '(^|/)(index|utils?|helpers?|commons?)(/|\\.m?[jt]s$)|^\\.{1,2}/?$',
  message: 'No barrels and no drawers: import a thing from the file that is named for it.',
};
const importsOfShipped = {
  paths: [
    { name: 'node:process', message: 'Only cmd/ reads the process.' },
    { name: 'node:perf_hooks', message: 'Clocks come in as arguments.' },
    { name: 'node:timers', message: 'Timers come in as arguments.' },
    { name: 'node:timers/promises', message: 'Timers come in as arguments.' },
  ],
  patterns: [drawers],
};
const importsOfPure = {
  patterns: [
    drawers,
    { regex: `^(node:.+|(${bareBuiltins.join('|')})(/.*)?)$`, message: 'A decider sees only its arguments: no built-in modules.' },
  ],
};
const clockMessage = 'Clocks and timers come in as arguments; only cmd/ has its own.';
const processMessage = 'Only cmd/ reads the environment, the arguments and sets exit codes.';

export default defineConfig(
  { ignores: ['node_modules/**', 'coverage/**', 'tmp/**', 'bench/out/**', ...generated] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': ['error', ...syntaxEverywhere],
      'no-restricted-imports': ['error', { patterns: [drawers] }],
      eqeqeq: 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowAny: false, allowNever: false, allowNullish: false, allowRegExp: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A union's members are aliases and a contract is an interface: both are said.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
    },
  },
  {
    name: 'shipped',
    files: shipped,
    ignores: [...tests, ...suites],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...syntaxEverywhere, ...syntaxOfImports, ...syntaxOfShipped],
      'no-restricted-imports': ['error', importsOfShipped],
      'no-restricted-globals': ['error', ...['performance', 'setTimeout', 'setInterval'].map((name) => ({ name, message: clockMessage }))],
      'no-restricted-properties': [
        'error',
        ...['env', 'argv', 'exit', 'exitCode'].map((property) => ({ object: 'process', property, message: processMessage })),
        ...['hrtime', 'uptime'].map((property) => ({ object: 'process', property, message: clockMessage })),
        { object: 'AbortSignal', property: 'timeout', message: clockMessage },
      ],
    },
  },
  {
    name: 'pure',
    files: pure,
    ignores: tests,
    rules: {
      'no-restricted-syntax': ['error', ...syntaxEverywhere, ...syntaxOfImports, ...syntaxOfPure],
      'no-restricted-imports': ['error', importsOfPure],
      'no-restricted-globals': ['error', ...impure.map((name) => ({ name, message: 'A decider sees only its arguments.' }))],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'A decider sees only its arguments: chance is a fact that comes in.' },
      ],
    },
  },
  {
    name: 'wiring',
    files: ['cmd/**/*.ts'],
    ignores: [...tests, ...programs],
    rules: { 'no-restricted-syntax': ['error', ...syntaxEverywhere, ...syntaxOfImports] },
  },
  {
    name: 'programs',
    files: ['**/*-worker.ts'],
    rules: { 'no-restricted-syntax': ['error', ...syntaxEverywhere, ...syntaxOfShipped] },
  },
  {
    name: 'tests',
    files: [...tests, ...suites],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    name: 'configuration of tools',
    files: ['*.config.mjs', '.dependency-cruiser.mjs', 'hack/knip-reporter.ts'],
    rules: { 'no-restricted-syntax': ['error', ...syntaxEverywhere.filter(({ selector }) => !selector.startsWith('Export'))] },
  },
  { files: ['**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
