/** Something that the operator can mend; the message says where and how, and is all that is shown. */
export class OperatorError extends Error {
  constructor(message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.name = 'OperatorError';
  }
}
