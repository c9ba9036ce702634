/** Lines of JSON that come in pieces: hand in text as it arrives, take out what is whole. */
export class JsonLines<T> {
  private rest = "";

  /** The values whose lines are complete after `text`; empty lines are nothing. */
  feed(text: string): T[] {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line) as T);
  }

  /** A last line without its end. */
  end(): T[] {
    const last = this.rest;
    this.rest = "";
    return last.trim() === "" ? [] : [JSON.parse(last) as T];
  }
}
