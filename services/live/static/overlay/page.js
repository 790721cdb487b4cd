// A page with one graphic, whose settings are the page's query: /overlay/{event}/{graphic}?board=men&rows=5

import "./elements.js";

const [, , event, graphic] = location.pathname.split("/").map(decodeURIComponent);
const element = document.createElement(`matline-${graphic}`);
for (const [name, value] of new URLSearchParams(location.search)) {
  if (name !== "server" && name !== "event") element.setAttribute(name, value);
}
element.setAttribute("event", event);
document.body.append(element);
