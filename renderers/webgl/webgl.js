/* What lies under the renderer: textures, targets to draw on, and programs, of one canvas. Needs glsl.js before this. */
const ImpastoWebgl = (() => {
  const { QUAD } = ImpastoGlsl;

  return class {
    constructor(canvas) {
      this.canvas = canvas;
      this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, preserveDrawingBuffer: true });
      if (!this.gl) throw new Error("This browser has no WebGL2.");
    }

    /* With a new context, nothing of the one before is left. */
    _begin() {
      const gl = this.gl, debug = gl.getExtension("WEBGL_debug_renderer_info");
      const name = String(gl.getParameter(debug ? debug.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
      this.software = /swiftshader|llvmpipe|software/i.test(name);
      this.exact = gl.getExtension("EXT_color_buffer_float") ? gl.RGBA32F : gl.RGBA16F;
      gl.getExtension("EXT_color_buffer_half_float");
      this.blended = gl.getExtension("EXT_float_blend") ? this.exact : gl.RGBA16F;
      this.programs = {};
      this.targets = {};
      this.empty = gl.createVertexArray();
    }

    /* What follows goes onto a target, or the window. */
    _into(target, program) {
      const { gl } = this;
      gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
      gl.viewport(0, 0, target.width, target.height);
      if (program.view) gl.uniform4fv(program.view, this.view);
    }

    _sampler(place, unit, texture) {
      const gl = this.gl;
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(place, unit);
    }

    _quad() {
      this.gl.bindVertexArray(this.empty);
      this.gl.drawArrays(this.gl.TRIANGLE_STRIP, 0, 4);
      this.gl.bindVertexArray(null);
    }

    _texture(width, height, inner, format, type, data, filter) {
      const gl = this.gl, texture = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      if (data) gl.texImage2D(gl.TEXTURE_2D, 0, inner, width, height, 0, format, type, data);
      else gl.texStorage2D(gl.TEXTURE_2D, 1, inner, width, height);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, filter);
      for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
      return texture;
    }

    _cleared(name, width, height) {
      const gl = this.gl, target = this._target(name, width, height, [gl.RGBA8]);
      gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      return target;
    }

    /* Textures of these formats to draw on, kept by their name; `fresh` until it is set to false. */
    _target(name, width, height, formats) {
      const found = this.targets[name];
      if (found && found.width === width && found.height === height && found.textures.length === formats.length) return found;
      if (found) this._forget(found);
      let target = this._framed(width, height, formats);
      if (!target.complete) { // no floats: bytes, less exact
        this.bytes = true;
        this._forget(target);
        target = this._framed(width, height, formats.map(() => this.gl.RGBA8));
      }
      this.targets[name] = target;
      return target;
    }

    _framed(width, height, formats) {
      const gl = this.gl, textures = formats.map((inner) => this._texture(width, height, inner, 0, 0, null, gl.NEAREST));
      const frame = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
      textures.forEach((texture, k) => gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + k, gl.TEXTURE_2D, texture, 0));
      gl.drawBuffers(textures.map((_, k) => gl.COLOR_ATTACHMENT0 + k));
      const complete = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
      return { width, height, textures, frame, complete, fresh: true };
    }

    _forget({ textures, frame }) {
      textures.forEach((texture) => this.gl.deleteTexture(texture));
      this.gl.deleteFramebuffer(frame);
    }

    /* The program of this name in use, with the places of its uniforms; compiled when it is used for the first time, of
       texts of GLSL that functions return. Without `vertex` it covers all of what is drawn on. */
    _use(name, vertex, fragment) {
      const program = this.programs[name] ??= this._compiled(name, vertex ? vertex() : QUAD, fragment());
      this.gl.useProgram(program.program);
      return program;
    }

    _compiled(name, vertex, fragment) {
      const gl = this.gl, program = gl.createProgram(), places = { program };
      for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
        const shader = gl.createShader(kind);
        gl.shaderSource(shader, text);
        gl.compileShader(shader);
        if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
          throw new Error(`${name}: ${gl.getShaderInfoLog(shader)}`);
        }
        gl.attachShader(program, shader);
      }
      gl.linkProgram(program);
      if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
        throw new Error(`${name}: ${gl.getProgramInfoLog(program)}`);
      }
      const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
      for (let k = 0; k < count; k++) {
        const uniform = gl.getActiveUniform(program, k).name.replace("[0]", "");
        places[uniform] = gl.getUniformLocation(program, uniform);
      }
      return places;
    }
  };
})();
