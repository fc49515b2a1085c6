page 50126 "BH API Item Variants Ext"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemVariantExt';
    EntitySetName = 'itemVariantsExt';
    SourceTable = "Item Variant";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(itemNumber; Rec."Item No.") { }
                field(code; Rec.Code) { }
                field(description; Rec.Description) { }
                field(blocked; Rec.Blocked) { }
                field(salesBlocked; Rec."Sales Blocked") { }
            }
        }
    }
}
