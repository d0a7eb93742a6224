// Where the page lies: "/", or below a path of its own where a gateway puts it ("/easyai/").
export const ROOT = new URL(".", location.href).pathname;
// The address of a path of this server, such as "/api/v1/session".
export const rooted = (path) => ROOT + path.slice(1);
