// The vendored view library: Preact with htm, which needs no build step.
import { Component } from "../vendor/preact-htm.js";

export {
  Component, html, render, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/preact-htm.js";

// A component that is drawn again only when one of its properties is another value.
export const memo = (view) => class extends Component {
  shouldComponentUpdate(next) {
    const names = new Set([...Object.keys(this.props), ...Object.keys(next)]);
    return [...names].some((name) => this.props[name] !== next[name]);
  }
  render() {
    return view(this.props);
  }
};
