/**
 * Every error code of the service, with its HTTP status. docs/reference/errors.md says for each what it means and what to do.
 */
import createError from '@fastify/error'

export const ConfigInvalidError = createError('APP_CONFIG_INVALID', '%s', 500)
export const UnauthenticatedError = createError(
  'APP_UNAUTHENTICATED',
  'a valid bearer token is required',
  401
)
export const KeysUnavailableError = createError(
  'APP_KEYS_UNAVAILABLE',
  'the keys that tokens are checked with cannot be loaded',
  503
)
export const RateLimitedError = createError(
  'APP_RATE_LIMITED',
  'too many requests: wait as long as Retry-After says',
  429
)
export const CursorInvalidError = createError('APP_CURSOR_INVALID', 'the cursor is not one of this list', 422)
export const SearchTimeoutError = createError(
  'APP_SEARCH_TIMEOUT',
  'the search took too long: search for a longer text, or in a smaller list',
  503
)
export const TooManySearchesError = createError(
  'APP_TOO_MANY_SEARCHES',
  'too many searches of this user are under way: wait for one of them',
  429
)
export const TaskNotFoundError = createError('APP_TASK_NOT_FOUND', 'there is no such task', 404)
export const TaskChangedError = createError(
  'APP_TASK_CHANGED',
  'the task was changed since it was read: read it again, and decide again',
  412
)
export const EntityTagInvalidError = createError(
  'APP_ETAG_INVALID',
  'If-Match and If-None-Match take a list of ETags, or *',
  400
)
export const IdempotencyKeyInvalidError = createError(
  'APP_IDEMPOTENCY_KEY_INVALID',
  'the Idempotency-Key is not a string of 1 to 255 printable ASCII characters',
  400
)
export const IdempotencyKeyInUseError = createError(
  'APP_IDEMPOTENCY_KEY_IN_USE',
  'a request with this Idempotency-Key is being carried out',
  409
)
export const IdempotencyKeyReusedError = createError(
  'APP_IDEMPOTENCY_KEY_REUSED',
  'this Idempotency-Key was used for another request',
  422
)
export const HeaderRepeatedError = createError(
  'APP_HEADER_REPEATED',
  'Authorization and Host may come once',
  400
)
export const MethodNotAllowedError = createError(
  'APP_METHOD_NOT_ALLOWED',
  'the path has no such method: Allow has those that it has',
  405
)
export const RouteNotFoundError = createError('APP_ROUTE_NOT_FOUND', 'there is no such route', 404)
export const MalformedRequestError = createError(
  'APP_MALFORMED_REQUEST',
  'what came is not a request of HTTP/1.1',
  400
)
export const RequestTimeoutError = createError(
  'APP_REQUEST_TIMEOUT',
  'the request did not come to its end in time',
  408
)
export const HeadersTooLargeError = createError(
  'APP_HEADERS_TOO_LARGE',
  'the headers of the request are too large or too many',
  431
)
export const ClosingError = createError('APP_CLOSING', 'the server is closing', 503)
export const InternalError = createError('APP_INTERNAL', 'the request could not be completed', 500)
