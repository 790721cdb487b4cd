// Pages whose parts the server makes anew: elements marked `data-part`, told apart by their ids.

/** Return a page that the server has sent as a document. */
export const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

/** Let the parts of a new page take the place of those that differ. */
export function takeOver(made) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = made.getElementById(part.id);
    if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
  }
}
