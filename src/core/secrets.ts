/** What may be a password: a parameter's value, and what is between the user and the host of a URL. */
const PARAMETER = /(pass(?:word|wd|phrase)\s*=\s*)('[^']*'|[^&\s]*)/gi;
const USER_INFO = /^([^:@]*(?::\/\/[^:@]*)?):.*@/s;

/**
 * A text as it may be shown, with passwords as `***`. It is for texts that somebody typed, which need not be the URL
 * that was expected: where a password may end is unclear, and so rather too much is hidden than too little.
 */
export const maskSecrets = (text: string): string =>
  text.replace(PARAMETER, '$1***').replace(USER_INFO, '$1:***@');
