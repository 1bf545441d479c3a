/** The command line itself is wrong: exit code 2, and a pointer to the help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'E_ARGUMENT';
  readonly expected: string | undefined;
  readonly actual: string | undefined;

  constructor(message: string, expected?: string, actual?: string) {
    super(message);
    this.expected = expected;
    this.actual = actual;
  }
}
