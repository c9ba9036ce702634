/** Who may be heard through the phone: one at a time, and nobody who did not ask. Pure. */
export class Floor {
  private peer: string | null = null;

  /** Who has the word; null: nobody. */
  get holder(): string | null {
    return this.peer;
  }

  /** Somebody wants to speak. `busy`: somebody else does. */
  ask(peer: string, maySpeak: boolean): { yours: boolean; busy: boolean } {
    const busy = this.peer !== null && this.peer !== peer;
    const yours = !busy && maySpeak;
    if (yours) this.peer = peer;
    return { yours, busy };
  }

  /** They are done, or gone. False: they did not have the word. */
  give(peer: string): boolean {
    if (this.peer !== peer) return false;
    this.peer = null;
    return true;
  }
}
