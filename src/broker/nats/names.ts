import { isPlainEverywhere, wordFor } from "../../nats/names.ts";

/** What everything of this broker is called at NATS. */
export class BrokerNames {
  readonly streamsBucket: string;
  readonly sessionsBucket: string;
  readonly presenceBucket: string;
  /** Filter for the subjects of all histories. */
  readonly allHistories: string;
  /** Where nodes tell each other that all histories began anew. */
  readonly storeNews: string;
  readonly #base: string;

  /** `prefix`: letters, digits, - and _; may be empty. */
  constructor(prefix: string) {
    this.#base = prefix === "" ? "ropeway" : `${prefix}-ropeway`;
    this.streamsBucket = `${this.#base}-streams`;
    this.sessionsBucket = `${this.#base}-sessions`;
    this.presenceBucket = `${this.#base}-presence`;
    this.allHistories = `${this.#base}.history.>`;
    this.storeNews = `${this.#base}.store`;
  }

  /** The word that stands for a stream, a session or anything else with a name of any text. */
  word(name: string): string {
    return wordFor(name, isPlainEverywhere);
  }

  /** The JetStream stream that keeps an AnyCable stream's publications of one epoch. */
  history(word: string, epoch: string): string {
    return `${this.#base}-history-${word}-${epoch}`;
  }

  /** Where publications are sent to be stored. */
  historySubject(word: string, epoch: string): string {
    return `${this.#base}.history.${word}.${epoch}`;
  }

  /** Where they arrive once they are stored; the last word is the epoch. */
  newsSubject(word: string, epoch: string): string {
    return `${this.#base}.news.${word}.${epoch}`;
  }

  /** Word and epoch of a subject that `historySubject` made. */
  ofHistorySubject(subject: string): { readonly word: string; readonly epoch: string } | undefined {
    const start = `${this.#base}.history.`;
    const [word, epoch] = subject.startsWith(start) ? subject.slice(start.length).split(".") : [];
    return word === undefined || epoch === undefined ? undefined : { word, epoch };
  }
}
