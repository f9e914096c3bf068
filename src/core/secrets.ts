/** What stands in the place of a secret. */
export const MASK = '***';

/** What may be a password or a token: a parameter's value, and what is between the user and the host of a URL. */
const PARAMETER = /((?:pass(?:word|wd|phrase)|token)\s*=\s*)('[^']*'|[^&\s]*)/gi;
const USER_INFO = /^([^:@]*(?::\/\/[^:@]*)?):.*@/s;

/**
 * A text as it may be shown, with passwords as `***`. It is for texts that somebody typed, which need not be the URL
 * that was expected: where a password may end is unclear, and so rather too much is hidden than too little.
 */
export const maskSecrets = (text: string): string =>
  text.replace(PARAMETER, `$1${MASK}`).replace(USER_INFO, `$1:${MASK}@`);

/** A URL without the token that it may have as a parameter: for logs and answers. */
export const maskToken = (url: string): string => url.replace(/([?&]token=)[^&#]*/gi, `$1${MASK}`);
