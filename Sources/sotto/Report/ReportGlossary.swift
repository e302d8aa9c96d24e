/// The words of the page that need a sentence.
enum ReportGlossary {
  private static let entries: [(Markup, Markup)] = [
    ("agreement, DH", "X25519: one’s private key and the other’s public key give both the same secret."),
    ("KEM", "ML-KEM-1024: a secret is sealed to a public key. No quantum attack on it is known."),
    ("prekey", "A public key that somebody leaves at the relay, so that others can begin while they are away."),
    ("prelude", "What the reader needs for the handshake. It stands before each message until an answer comes."),
    ("turn", "A new key pair moves the root key on. After a turn of each side, keys stolen before are of no use."),
    ("chain", "What one side sends between two turns. It steps with each message."),
    ("kept key", "The key of a message that was passed over. It goes when the message comes, or after 30 days."),
    ("commitment", "32 bytes that tie a sealed message to one key, so that it cannot open under two."),
    ("forgotten", "Overwritten in memory, deleted from the store. What a disk may keep: Specs/Decisions/0002."),
    ("forward secrecy", "What was read stays secret when keys are stolen later: its key is no longer there."),
    ("envelope", "What the relay stores: a message, sealed and padded to one of eight sizes."),
    ("mailbox", "Where envelopes for one device wait. Its name tells nobody whose it is."),
    ("right", "A capability: knock for strangers, contact for contacts. It says what one may do, not who one is."),
  ]

  static var html: Markup {
    let list = entries.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>\n" as Markup }
    return """
      <section id="words">
      <h2>Words</h2>
      <dl class="words">
      \(list)</dl>
      </section>

      """
  }
}
