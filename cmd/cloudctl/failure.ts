import { ApiError, type Status } from '../../apis/meta/api-error.ts';
import { printableLines } from './print.ts';

/** The Status that a server sent, where the error is one that a server sent. */
function sentBy({ cause }: ApiError): Partial<Status> | undefined {
  return typeof cause === 'object' && cause !== null && 'kind' in cause && cause.kind === 'Status' ? (cause as Partial<Status>) : undefined;
}

/** Whether the server has judged the request, as opposed to not having been reached. */
export function isAnswer(error: ApiError): boolean {
  return sentBy(error) !== undefined;
}

/** Whether to ask again later may help: the server is away, or too busy. */
export function mayPass(error: unknown): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  return error.reason === 'ServiceUnavailable' || error.reason === 'TooManyRequests' || (error.reason === 'Timeout' && !isAnswer(error));
}

/** The line that a person reads: in kubectl's form where the server refused, so that scripts find the reason. */
export function failureLine(error: ApiError): string {
  return printableLines(isAnswer(error) ? `Error from server (${error.reason}): ${error.message}` : `error: ${error.message}`);
}
