/** Collects the values of a statement and gives their placeholders. */
export class Values {
  readonly list: (string | readonly string[])[] = [];

  add(value: string | readonly string[], type: string): string {
    this.list.push(value);
    return `$${this.list.length}::${type}`;
  }
}
