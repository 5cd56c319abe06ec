export function up(pgm) {
  pgm.createTable('notes', { id: 'id', text: { type: 'text', notNull: true } })
}

export function down(pgm) {
  pgm.dropTable('notes')
}
