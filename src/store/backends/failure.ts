import { ZeekwayError } from '../../core/errors.js';

/** The innermost message says what the file system or the library found. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return reasonOf(cause);
  return error instanceof Error ? error.message : String(error);
}

/**
 * The error of a back end that keeps a file.
 * @param doing completes "cannot ... the store in FILE".
 */
export function backendFailure(doing: 'open' | 'read' | 'write', file: string, error: unknown): ZeekwayError {
  const message = `cannot ${doing} the store in ${file}: ${reasonOf(error)}`;
  return new ZeekwayError('store_backend_failed', message, { file }, { cause: error });
}

/** Two masters of one file would each overwrite what the other wrote. */
export function backendInUse(file: string): ZeekwayError {
  const message = `another master has the store in ${file} open: one file is for one process`;
  return new ZeekwayError('store_backend_failed', message, { file });
}

/** A call after `close`. */
export function backendClosed(file: string): ZeekwayError {
  return new ZeekwayError('store_backend_failed', `the store in ${file} is closed`, { file });
}
