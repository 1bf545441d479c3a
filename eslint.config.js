import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** The globals of Node that our plain scripts use. */
const nodeGlobals = Object.fromEntries(
  ['process', 'console', 'Buffer', 'URL', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate']
    .concat(['performance', 'AbortController', 'AbortSignal', 'fetch', 'structuredClone', 'queueMicrotask'])
    .concat(['TextDecoder', 'TextEncoder'])
    .map((name) => [name, 'readonly']),
);

export default tseslint.config(
  // test/types holds wrong code on purpose; tsd is its checker.
  {
    ignores: [
      'node_modules/',
      'dist/',
      'build/',
      'coverage/',
      'prebuilds/',
      'bench/results/',
      'docs/api/',
      'test/types/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always'],
      'max-lines': ['error', { max: 450, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-console': 'off',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: nodeGlobals, ecmaVersion: 2024, sourceType: 'module' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // `const { secret, ...rest } = all` is how a key is left out.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Typed arrays are indexed everywhere and noUncheckedIndexedAccess is off, so these two would call honest checks needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unnecessary-type-arguments': 'off',
      // `interface SaveOptions extends LongCallOptions {}` names an option bag that may grow.
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'with-single-extends' }],
      // One loop over i and several arrays is the clearest form for flat vectors.
      '@typescript-eslint/prefer-for-of': 'off',
    },
  },
  {
    // Tests hand over wrong values on purpose, and describe() blocks are long by nature.
    files: ['test/**/*.ts', '**/*.test.mjs'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `reported<T>()` says what the JSON of a child process holds.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/require-await': 'off',
      // Tests put process.stdout.write and the like aside and back again.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.test.mjs'],
    languageOptions: { globals: { describe: 'readonly', it: 'readonly', before: 'readonly', after: 'readonly' } },
  },
);
