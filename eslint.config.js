// The rules the code is read by. Each one is proven by a planted fault in test/gates.
import js from '@eslint/js';
import vitest from '@vitest/eslint-plugin';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import tseslint from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

const clockOnly = { message: 'Time comes from the Clock port (lib/base/clock.ts).' };
const randomOnly = 'Randomness comes from the Random port (lib/base/random.ts).';

// What is secret by its name may be no field of a log line and no detail of a fault: both are kept and shown.
const secretName =
  '/^(password|passphrase|secret|pin|token|sas|sasToken|privateKey|primaryKey|secondaryKey|symmetricKey|sharedAccessKey|connectionString|authorization)$/i';
const secretField = `:matches(Property[key.name=${secretName}], Property[value.name=${secretName}], Property[value.property.name=${secretName}])`;
const noSecret = [
  `CallExpression[callee.property.name=/^(info|warn|error|with)$/] > ObjectExpression > ${secretField}`,
  `CallExpression[callee.name=/[fF]ault$/] > ObjectExpression > ${secretField}`,
].map((selector) => ({ selector, message: 'No secret in a log or a fault: name its fingerprint.' }));

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      'out/',
      'dist/',
      'coverage/',
      'test-results/',
      '**/generated/',
      'test/gates/plants/',
      'src-main/pure-globals.d.ts',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.svelte', '**/*.svelte.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname, extraFileExtensions: ['.svelte'] },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/prefer-regexp-exec': 'off',
      // noPropertyAccessFromIndexSignature asks for the brackets this rule would take away
      '@typescript-eslint/dot-notation': 'off',
      'no-restricted-globals': ['error', { name: 'Date', ...clockOnly }],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: randomOnly }],
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'A union of literals instead of an enum.' },
        { selector: 'TSAsExpression > TSAnyKeyword', message: 'No escape into any.' },
        ...noSecret,
      ],
      'no-console': 'error',
      complexity: ['error', 12],
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src-main/**/*.ts', 'src-renderer/**/*.ts'],
    ignores: ['**/*.svelte.ts'],
    rules: {
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
    },
  },
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { parser: tseslint.parser, svelteConfig, projectService: true, extraFileExtensions: ['.svelte'] },
    },
  },
  {
    files: ['**/*.svelte'],
    rules: {
      'max-lines': ['error', { max: 200, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': 'off',
      'svelte/no-at-html-tags': 'error',
      // Props and derived values are declared with `let`, as Svelte's own pages do, or with `const`.
      'prefer-const': 'off',
      'svelte/prefer-const': ['error', { excludedRunes: ['$props', '$derived'] }],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    plugins: { vitest },
    rules: {
      'vitest/expect-expect': [
        'error',
        { assertFunctionNames: ['expect', 'expect*', 'assert*', 'fc.assert', '**.expect*'] },
      ],
      'vitest/no-focused-tests': 'error',
      'vitest/no-disabled-tests': 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '*.js', 'scripts/**', 'test/**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: globals.node },
  },
);
