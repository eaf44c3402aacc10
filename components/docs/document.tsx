/** A document of the repository, as HTML that was made from our own Markdown. */
export function Document({ html }: { html: string }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: the text is ours, read from docs/ and from nowhere else.
  return <article className="document" dangerouslySetInnerHTML={{ __html: html }} />
}
