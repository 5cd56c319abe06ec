/**
 * Owns how the page is built. Texts become text nodes, so that nothing which a client or the database says is markup.
 */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Partial<HTMLElementTagNameMap[Name]>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name)
  Object.assign(made, properties)
  made.append(...children)
  return made
}

/**
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[Name]}
 */
export function svgElement(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  setAttributes(made, attributes)
  return made
}

/**
 * @param {Element} changed
 * @param {Record<string, string | number>} attributes
 */
export function setAttributes(changed, attributes) {
  for (const [name, value] of Object.entries(attributes)) changed.setAttribute(name, String(value))
}

/**
 * The element of the page with this id.
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function find(id, kind) {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new TypeError(`the page has no ${kind.name} #${id}`)
  return found
}

/**
 * Changes a text, unless it is the same: an alert that is set again is read out again.
 * @param {Element} changed
 * @param {string} text
 */
export function setText(changed, text) {
  if (changed.textContent !== text) changed.textContent = text
}

/**
 * Ids begin again when local Neon does.
 * @param {{ id: number, atMs: number }} past
 */
export function keyOfPast({ id, atMs }) {
  return `${id} at ${atMs}`
}

/**
 * @template Item
 * @template {HTMLElement | SVGElement} Child
 * @typedef {object} Keyed
 * @property {(item: Item) => string} keyOf
 * @property {(item: Item) => Child} create
 * @property {(child: Child, item: Item) => void} [update]
 */

/** @type {WeakMap<Element, Map<string, any>>} */
const childrenOf = new WeakMap()

/**
 * Makes the children of `parent` those of the items, in order. An item that stays keeps its element, which may have
 * the focus. The focus of one that goes moves to the section, so that the keyboard goes on from there.
 * @template Item
 * @template {HTMLElement | SVGElement} Child
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {Keyed<Item, Child>} how
 */
export function showItems(parent, items, { keyOf, create, update }) {
  /** @type {Map<string, Child>} */
  const before = childrenOf.get(parent) ?? new Map()
  /** @type {Map<string, Child>} */
  const now = new Map()
  for (const item of items) {
    const key = keyOf(item)
    const child = before.get(key) ?? create(item)
    before.delete(key)
    update?.(child, item)
    now.set(key, child)
  }
  for (const gone of before.values()) {
    const hadFocus = gone.contains(document.activeElement)
    gone.remove()
    if (hadFocus) parent.closest('section')?.focus()
  }
  let next = parent.firstElementChild
  for (const child of now.values()) {
    if (child === next) next = next.nextElementSibling
    else parent.insertBefore(child, next)
  }
  childrenOf.set(parent, now)
}
